package media

// readAAC counts the frames of an AAC stream in ADTS (ISO/IEC 13818-7, 6.2).
func readAAC(src *source, start, end int64) Info {
	return Info{Duration: adtsFraming().length(src, start, end)}
}

func adtsFraming() framing {
	return framing{header: 7, chain: 4, parse: parseADTS}
}

func parseADTS(head []byte) (frame, bool) {
	rates := [16]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
	if head[0] != 0xff || head[1]&0xf6 != 0xf0 { // twelve bits of sync, and the layer is 0
		return frame{}, false
	}
	rate := rates[head[2]>>2&15]
	size := int(head[3]&3)<<11 | int(head[4])<<3 | int(head[5]>>5)
	if rate == 0 || size < 7 {
		return frame{}, false
	}
	blocks := int(head[6]&3) + 1
	return frame{
		bytes:   size,
		seconds: 1024 * float64(blocks) / float64(rate),
		stream:  uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3]&0xc0), // kind, rate, channels
	}, true
}
