package media

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// readMPEG reads what an ID3v2 tag or a frame of MPEG audio starts: MP3, and tagged AAC and FLAC, which look like it.
func readMPEG(src *source) Info {
	start, end := behindTags(src, 0), beforeTags(src)
	head := src.upTo(start, 16)
	switch {
	case bytes.HasPrefix(head, []byte("fLaC")):
		info := readFLAC(src, start)
		info.MIMEType, info.Format = "audio/flac", "flac"
		return info
	case len(head) >= 7 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		info := readAAC(src, start, end)
		info.MIMEType, info.Format = "audio/aac", "aac"
		return info
	}
	return readMP3(src, start, end)
}

// readMP3 takes what the first frame's header of variable bit rate states, or the sum of the frames.
func readMP3(src *source, start, end int64) Info {
	// Some taggers leave zeros behind the tag, and some recorders cut into a frame.
	const junk = 16 << 10
	frames := framing{header: 4, chain: 3, parse: parseMP3}
	data := src.upTo(start, int(min(junk, max(0, end-start))))
	at := frames.sync(data, 0, true)
	if at < 0 {
		return Info{}
	}
	start += int64(at)
	first, _ := parseMP3(data[at:])
	info := Info{Format: "mp" + strconv.Itoa(mp3Header(first.stream).layer())}
	header := src.upTo(start, int(min(int64(first.bytes), end-start)))
	if stated, ok := readVBR(header); ok {
		if info.Duration = stated.duration(end - start); info.Duration > 0 {
			return info
		}
		start += int64(first.bytes) // the frame with the header is silent
		info.Duration = max(0, frames.length(src, start, end)-stated.seconds(stated.before))
		return info
	}
	info.Duration = frames.length(src, start, end)
	return info
}

// parseMP3 reads the header of a frame of MPEG audio, layers I to III (ISO/IEC 11172-3, 2.4.1.3; 13818-3; MPEG 2.5).
func parseMP3(head []byte) (frame, bool) {
	h := mp3Header(binary.BigEndian.Uint32(head))
	rate, bitRate := h.sampleRate(), h.bitRate()
	if !h.isValid() || rate == 0 || bitRate == 0 {
		return frame{}, false
	}
	samples := h.samples()
	size := samples / 8 * bitRate / rate
	if h.layer() == 1 { // in slots of four bytes
		size = (12*bitRate/rate + h.padding()) * 4
	} else {
		size += h.padding()
	}
	if size < 4 {
		return frame{}, false
	}
	const alike = 0xfffe0c00 // sync, version, layer, sample rate
	return frame{bytes: size, seconds: float64(samples) / float64(rate), stream: uint32(h) & alike}, true
}

// mp3Header is the four bytes that a frame begins with.
type mp3Header uint32

func (h mp3Header) isValid() bool {
	return h>>21 == 0x7ff && h>>19&3 != 1 && h>>17&3 != 0
}

func (h mp3Header) isVersion1() bool { return h>>19&3 == 3 }
func (h mp3Header) layer() int       { return 4 - int(h>>17&3) }
func (h mp3Header) padding() int     { return int(h >> 9 & 1) }
func (h mp3Header) isMono() bool     { return h>>6&3 == 3 }

// sampleRate is in Hz; 0 is none.
func (h mp3Header) sampleRate() int {
	rate := [4]int{44100, 48000, 32000, 0}[h>>10&3]
	switch h >> 19 & 3 {
	case 2: // version 2
		return rate / 2
	case 0: // version 2.5
		return rate / 4
	}
	return rate
}

// samples is the number of samples in a frame.
func (h mp3Header) samples() int {
	switch {
	case h.layer() == 1:
		return 384
	case h.layer() == 3 && !h.isVersion1():
		return 576
	}
	return 1152
}

// bitRate is in bits a second; 0 is none, or free, which nobody uses.
func (h mp3Header) bitRate() int {
	var kilo [16]int
	switch layer := h.layer(); {
	case h.isVersion1() && layer == 1:
		kilo = [16]int{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0}
	case h.isVersion1() && layer == 2:
		kilo = [16]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0}
	case h.isVersion1():
		kilo = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	case layer == 1:
		kilo = [16]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0}
	default:
		kilo = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	}
	return kilo[h>>12&15] * 1000
}
