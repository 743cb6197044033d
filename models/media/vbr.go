package media

import (
	"encoding/binary"
	"strings"
)

// vbr is what an encoder states of a whole MP3 in its first frame: Xing's header (LAME writes it as "Info" at constant
// bit rate), or Fraunhofer's (VBRI).
type vbr struct {
	header mp3Header
	frames uint32
	bytes  uint32 // with the first frame; 0: not stated
	// Samples that the encoder has put before and behind the sound, as LAME's extension says.
	before, behind int
}

// readVBR reads the header out of a first frame.
func readVBR(frame []byte) (v vbr, ok bool) {
	if len(frame) < 4+32+26 {
		return vbr{}, false
	}
	v.header = mp3Header(binary.BigEndian.Uint32(frame))
	if fields := frame[4+32:]; string(fields[:4]) == "VBRI" { // version, delay and quality, 2 bytes each; bytes; frames
		v.bytes, v.frames = binary.BigEndian.Uint32(fields[10:]), binary.BigEndian.Uint32(fields[14:])
		return v, v.frames > 0
	}
	fields := frame[4+v.header.sideInfo():]
	if len(fields) < 8 || string(fields[:4]) != "Xing" && string(fields[:4]) != "Info" {
		return vbr{}, false
	}
	flags := binary.BigEndian.Uint32(fields[4:])
	fields = fields[8:]
	for _, field := range []struct {
		flag uint32
		size int
	}{{1, 4}, {2, 4}, {4, 100}, {8, 4}} { // frames, bytes, table of contents, quality
		if flags&field.flag == 0 {
			continue
		}
		if len(fields) < field.size {
			return v, true
		}
		switch field.flag {
		case 1:
			v.frames = binary.BigEndian.Uint32(fields)
		case 2:
			v.bytes = binary.BigEndian.Uint32(fields)
		}
		fields = fields[field.size:]
	}
	v.before, v.behind = encoderDelays(fields)
	return v, true
}

// encoderDelays reads the samples before and behind the sound: 12 bits each, from the 22nd byte of LAME's extension on.
func encoderDelays(extension []byte) (before, behind int) {
	if len(extension) < 24 || !strings.HasPrefix(string(extension), "LAME") && !strings.HasPrefix(string(extension), "Lav") {
		return 0, 0
	}
	delays := int(extension[21])<<16 | int(extension[22])<<8 | int(extension[23])
	return delays >> 12, delays & 0xfff
}

// sideInfo is the length of what lies between a frame's header and its data.
func (h mp3Header) sideInfo() int {
	switch {
	case h.isVersion1() && !h.isMono():
		return 32
	case !h.isVersion1() && h.isMono():
		return 9
	}
	return 17
}

// duration is the stated one, if the available bytes can be all of it: neither cut off nor at a bit rate that there is
// none of. Else it is 0.
func (v vbr) duration(available int64) float64 {
	const cut = 0.98 // encoders count tags and the first frame in or not
	seconds := v.seconds(int(v.frames)*v.header.samples() - v.before - v.behind)
	if seconds <= 0 || float64(available) < cut*float64(v.bytes) {
		return 0
	}
	const slowest, fastest = 7_000, 460_000 // the bit rates of parseMP3, and a little
	if rate := float64(available) * 8 / seconds; rate < slowest || rate > fastest {
		return 0
	}
	return seconds
}

func (v vbr) seconds(samples int) float64 {
	return float64(samples) / float64(v.header.sampleRate())
}
