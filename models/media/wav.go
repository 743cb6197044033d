package media

import "encoding/binary"

// readWAV divides the bytes of the data chunk by those of a second (RIFF; RF64 of EBU Tech 3306 for more than 4 GB). A
// recorder that was stopped has written no size, or a wrong one: then the data goes up to the end of the file.
func readWAV(src *source) Info {
	var rate float64 // bytes a second
	var long uint64  // the size of the data, of an RF64 file
	pos := int64(12) // "RIFF", size, "WAVE"
	for {
		head := src.at(pos, 8)
		if head == nil {
			return Info{}
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		pos += 8
		switch string(head[:4]) {
		case "ds64": // sizes of the file and of the data
			if body := src.at(pos, 16); body != nil && size >= 16 {
				long = binary.LittleEndian.Uint64(body[8:])
			}
		case "fmt ":
			if body := src.at(pos, int(min(size, 20))); len(body) >= 16 {
				rate = waveRate(body)
			}
		case "data":
			left := max(0, src.size-pos)
			if size == 0xffffffff && long > 0 {
				size = int64(min(long, uint64(left)))
			}
			if size == 0 || size > left {
				size = left
			}
			if rate == 0 {
				return Info{}
			}
			return Info{Duration: float64(size) / rate}
		}
		pos += size + size&1 // chunks begin at even offsets
	}
}

// waveRate gives the bytes a second of a fmt chunk, or 0 if it is not known, or if the chunk contradicts itself: of
// samples that are not compressed it states the rate twice.
func waveRate(format []byte) float64 {
	const pcm, msADPCM, float, aLaw, muLaw, imaADPCM, gsm, mpeg, mp3, extensible = 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0xfffe
	kind, channels := binary.LittleEndian.Uint16(format), int64(binary.LittleEndian.Uint16(format[2:]))
	sampleRate, rate := int64(binary.LittleEndian.Uint32(format[4:])), int64(binary.LittleEndian.Uint32(format[8:]))
	block, bits := int64(binary.LittleEndian.Uint16(format[12:])), int64(binary.LittleEndian.Uint16(format[14:]))
	switch kind {
	case pcm, float, aLaw, muLaw, extensible:
		if rate != sampleRate*block || block != channels*((bits+7)/8) {
			return 0
		}
	case msADPCM, imaADPCM, gsm: // the stated rate is rounded, sometimes much; the samples in a block follow
		if len(format) < 20 {
			return 0
		}
		if samples := binary.LittleEndian.Uint16(format[18:]); samples > 0 {
			return float64(sampleRate*block) / float64(samples)
		}
		return 0
	case mpeg, mp3:
	default:
		return 0
	}
	return float64(rate)
}
