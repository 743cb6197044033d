package media

import "bytes"

// readAMR counts the frames of 20 ms of a phone's voice note (RFC 4867, 5).
func readAMR(src *source) Info {
	head := src.upTo(0, 9)
	// A frame's bytes by its type; 0 is no type. Below 9 or 10 they are voice or comfort noise, above nothing was sent.
	var sizes [16]int
	info := Info{MIMEType: "audio/amr", Format: "amr"}
	start := 6
	switch {
	case bytes.HasPrefix(head, []byte("#!AMR\n")):
		sizes = [16]int{13, 14, 16, 18, 20, 21, 27, 32, 6, 15: 1}
	case bytes.HasPrefix(head, []byte("#!AMR-WB\n")):
		sizes = [16]int{18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 14: 1, 15: 1}
		info.MIMEType = "audio/amr-wb"
		start = 9
	default: // several channels, which no phone records
		return Info{}
	}
	frames := framing{header: 1, chain: 25, parse: func(data []byte) (frame, bool) {
		const padding = 0x83 // these bits of a header are 0
		size := sizes[data[0]>>3&15]
		return frame{bytes: size, seconds: 0.02}, size > 0 && data[0]&padding == 0
	}}
	info.Duration = frames.length(src, int64(start), src.size)
	return info
}
