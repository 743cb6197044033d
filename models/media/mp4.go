package media

import (
	"encoding/binary"
	"math"
	"strings"
)

// movie is what the moov box of an MP4 or QuickTime file says (ISO/IEC 14496-12, 8.2 and 8.3).
type movie struct {
	isThere   bool
	isWhole   bool    // every track was read
	seconds   float64 // the stated duration; 0: not known
	timescale uint32  // ticks a second, of the movie and of its tracks' headers
	tracks    []track
	// Of a movie in fragments:
	isFragmented bool
	fragments    float64           // the stated duration with all of them; 0: not known
	defaultTicks map[uint32]uint32 // the length of a sample, by track
}

type track struct {
	id            uint32
	handler       string // "vide", "soun" …
	width, height int    // upright
	shown         uint64 // its duration in the movie's ticks; 0: not known
	timescale     uint32
	ticks         uint64 // its duration in its own ticks; 0: not known
}

// maxTracks is more than any recorder writes (a phone's film has six: picture, sound, and what its sensors say).
const maxTracks = 64

// readMP4 reads MP4, M4A, QuickTime and 3GPP files: what the moov box states, wherever in the file it lies, and of
// files in fragments what their indexes state or their fragments add up to.
func readMP4(src *source, mimeType string) Info {
	info := movieKind(brands(src), mimeType)
	var m movie
	var index segmentIndex
	for b := range src.boxes(0, src.size) {
		switch b.kind {
		case "moov":
			m = readMovie(src, b)
		case "sidx":
			index.add(src, b)
		}
		if b.kind == "moof" && m.isThere {
			info.Duration = m.fragmentedDuration(src, b.start, index)
			break
		}
		if m.isThere && !m.isFragmented {
			break
		}
	}
	if !m.isFragmented {
		info.Duration = m.duration()
	}
	m.describe(&info)
	return info
}

// movieKind gives type and format by the brands.
func movieKind(names []string, mimeType string) Info {
	info := Info{MIMEType: mimeType, Format: "mp4"}
	major := ""
	if len(names) > 0 {
		major = names[0]
	}
	switch {
	case mimeType == "audio/mp4":
		info.Format = "m4a"
	case mimeType == "video/quicktime":
		info.Format = "mov"
	case strings.HasPrefix(major, "3g2"):
		info.MIMEType, info.Format = "video/3gpp2", "3g2"
	case strings.HasPrefix(major, "3g"): // 3gp4, 3gr6, 3gs7 …
		info.MIMEType, info.Format = "video/3gpp", "3gp"
	}
	return info
}

// describe adds the size of the picture, or that there is none.
func (m *movie) describe(info *Info) {
	hasSound := false
	for _, t := range m.tracks {
		hasSound = hasSound || t.handler == "soun"
		if t.handler == "vide" {
			if info.MIMEType != "audio/mp4" { // there it is the cover, or pictures of chapters
				info.Width, info.Height = t.width, t.height
			}
			return
		}
	}
	if !m.isWhole || !hasSound {
		return
	}
	switch info.MIMEType {
	case "video/mp4":
		info.MIMEType, info.Format = "audio/mp4", "m4a"
	case "video/3gpp":
		info.MIMEType = "audio/3gpp"
	case "video/3gpp2":
		info.MIMEType = "audio/3gpp2"
	}
}

// duration is that of a movie without fragments. The file's header states it, and so do the headers of its tracks:
// where they contradict each other one of them is damaged, and nobody knows which.
func (m *movie) duration() float64 {
	var byTracks, byMedia float64
	for _, t := range m.tracks {
		byTracks = max(byTracks, inSeconds(t.shown, m.timescale))
		byMedia = max(byMedia, inSeconds(t.ticks, t.timescale))
	}
	switch {
	case m.seconds == 0:
		return max(byTracks, byMedia)
	case byTracks == 0 && byMedia == 0, alike(m.seconds, byTracks), alike(m.seconds, byMedia):
		return m.seconds
	}
	return 0
}

// alike: within a second and a tenth. A track's media may be longer than what an edit list shows of it.
func alike(a, b float64) bool {
	return b > 0 && math.Abs(a-b) <= 1+0.1*max(a, b)
}

func readMovie(src *source, moov box) movie {
	m := movie{isThere: true, isWhole: !moov.isCut, defaultTicks: map[uint32]uint32{}}
	end := moov.body
	for b := range src.boxes(moov.body, moov.end) {
		switch b.kind {
		case "mvhd":
			ticks := uint64(0)
			m.timescale, ticks = timeHeader(src, b)
			m.seconds = inSeconds(ticks, m.timescale)
		case "trak":
			t, ok := readTrack(src, b)
			m.isWhole = m.isWhole && ok && len(m.tracks) < maxTracks
			if len(m.tracks) < maxTracks {
				m.tracks = append(m.tracks, t)
			}
		case "mvex":
			m.isFragmented = true
			m.readExtends(src, b)
		}
		end = b.end
	}
	m.isWhole = m.isWhole && moov.end-end < 8
	return m
}

// readExtends reads what holds for all fragments (8.8.1 to 8.8.3).
func (m *movie) readExtends(src *source, mvex box) {
	for b := range src.boxes(mvex.body, mvex.end) {
		switch b.kind {
		case "mehd":
			if body := src.inside(b, 12); body != nil && body[0] == 1 {
				m.fragments = inSeconds(known(binary.BigEndian.Uint64(body[4:])), m.timescale)
			} else if body := src.inside(b, 8); body != nil && body[0] == 0 {
				m.fragments = inSeconds(known32(binary.BigEndian.Uint32(body[4:])), m.timescale)
			}
		case "trex": // version and flags, track, description, duration, …
			if body := src.inside(b, 16); body != nil {
				m.defaultTicks[binary.BigEndian.Uint32(body[4:])] = binary.BigEndian.Uint32(body[12:])
			}
		}
	}
}

// readTrack reads a trak box; not ok when what kind of track it is is not known.
func readTrack(src *source, trak box) (t track, ok bool) {
	for b := range src.boxes(trak.body, trak.end) {
		switch b.kind {
		case "tkhd":
			t.readHeader(src, b)
		case "mdia":
			for b := range src.boxes(b.body, b.end) {
				switch b.kind {
				case "mdhd":
					t.timescale, t.ticks = timeHeader(src, b)
				case "hdlr": // version and flags, a type that only QuickTime uses, the handler
					if body := src.inside(b, 12); body != nil {
						t.handler = string(body[8:12])
					}
				}
				if t.handler != "" {
					break // the tables of samples follow, and may be long
				}
			}
			return t, t.handler != ""
		}
	}
	return t, false
}

// readHeader reads a tkhd box (8.3.2). The matrix turns the picture by a quarter where its diagonal is zero (6.2.2).
func (t *track) readHeader(src *source, tkhd box) {
	body := src.inside(tkhd, 84)
	if body == nil {
		return
	}
	if body[0] == 1 { // three long fields
		if body = src.inside(tkhd, 96); body == nil {
			return
		}
		t.id, t.shown = binary.BigEndian.Uint32(body[20:]), known(binary.BigEndian.Uint64(body[28:]))
		body = body[12:]
	} else {
		t.id, t.shown = binary.BigEndian.Uint32(body[12:]), known32(binary.BigEndian.Uint32(body[20:]))
	}
	matrix := func(i int) uint32 { return binary.BigEndian.Uint32(body[40+4*i:]) }
	t.width, t.height = fixed(binary.BigEndian.Uint32(body[76:])), fixed(binary.BigEndian.Uint32(body[80:]))
	if matrix(0) == 0 && matrix(4) == 0 && matrix(1) != 0 && matrix(3) != 0 {
		t.width, t.height = t.height, t.width
	}
}

// timeHeader reads the like parts of mvhd and mdhd (8.2.2 and 8.4.2): ticks a second, and the duration in ticks, 0 if
// it is not known.
func timeHeader(src *source, b box) (timescale uint32, ticks uint64) {
	if body := src.inside(b, 32); body != nil && body[0] == 1 {
		return binary.BigEndian.Uint32(body[20:]), known(binary.BigEndian.Uint64(body[24:]))
	}
	if body := src.inside(b, 20); body != nil && body[0] == 0 {
		return binary.BigEndian.Uint32(body[12:]), known32(binary.BigEndian.Uint32(body[16:]))
	}
	return 0, 0
}

// known is ticks, but 0 where all bits are set, which says that they are not known.
func known(ticks uint64) uint64 {
	if ticks == math.MaxUint64 {
		return 0
	}
	return ticks
}

func known32(ticks uint32) uint64 {
	if ticks == math.MaxUint32 {
		return 0
	}
	return uint64(ticks)
}

// fixed rounds a number of 16 bits with 16 more behind the point.
func fixed(n uint32) int {
	return int((uint64(n) + 1<<15) >> 16)
}

func inSeconds(ticks uint64, timescale uint32) float64 {
	if timescale == 0 {
		return 0
	}
	return float64(ticks) / float64(timescale)
}
