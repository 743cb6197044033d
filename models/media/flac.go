package media

import "encoding/binary"

// readFLAC reads the STREAMINFO block that is always first (RFC 9639, 8.2).
func readFLAC(src *source, start int64) Info {
	head := src.at(start, 8+34)
	if head == nil || string(head[:4]) != "fLaC" || head[4]&0x7f != 0 {
		return Info{}
	}
	rate, samples := flacStream(head[8:])
	if rate == 0 {
		return Info{}
	}
	return Info{Duration: float64(samples) / float64(rate)}
}

// flacStream gives the samples a second and in all; 0 for what is not known.
func flacStream(block []byte) (rate uint32, samples uint64) {
	fields := binary.BigEndian.Uint64(block[10:]) // 20 bits of rate, 3 of channels, 5 of depth, 36 of samples
	return uint32(fields >> 44), fields & (1<<36 - 1)
}
