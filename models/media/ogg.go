package media

import (
	"bytes"
	"encoding/binary"
)

// oggStream is the stream of sound in an Ogg file (RFC 3533).
type oggStream struct {
	format string
	serial uint32
	rate   float64 // what a granule position counts, a second
	skip   uint64  // granules before the sound begins
}

// readOgg takes the rate from the first pages, and the position at the end from the last page of the same stream. A
// page has a checksum; one that is damaged or cut is not played, and not counted.
func readOgg(src *source) Info {
	stream, hasVideo := oggStreams(src)
	info := Info{Format: stream.format}
	if hasVideo {
		info = Info{MIMEType: "video/ogg", Format: "ogg"}
	} else if stream.format != "" {
		info.MIMEType = "audio/ogg"
	}
	if stream.rate == 0 {
		return info
	}
	// Pages of voice are some 4 KB, and 64 KB is the most.
	for _, n := range []int{16 << 10, 192 << 10} {
		n := int64(min(n, src.left()))
		start := max(0, src.size-n)
		if last, ok := lastGranule(src.upTo(start, int(n)), stream.serial); ok {
			if last > stream.skip {
				info.Duration = float64(last-stream.skip) / stream.rate
			}
			break
		}
	}
	return info
}

// oggStreams looks at the pages that begin streams, which are the first of a file.
func oggStreams(src *source) (sound oggStream, hasVideo bool) {
	const most = 8 // streams; two or three are usual
	off := int64(0)
	for range most {
		page, ok := parseOggPage(src.at(off, oggPageSize(src.upTo(off, oggHeader+255))))
		if !ok || !page.isFirst {
			break
		}
		if sound.rate == 0 {
			sound = oggSound(page)
		}
		hasVideo = hasVideo || bytes.HasPrefix(page.body, []byte("\x80theora")) || bytes.HasPrefix(page.body, []byte("\x01video"))
		off += int64(page.size)
	}
	return sound, hasVideo
}

// oggSound reads the first packet of a stream; the result has no rate if it is no sound that we know.
func oggSound(page oggPage) oggStream {
	b, s := page.body, oggStream{serial: page.serial}
	switch {
	case len(b) >= 19 && string(b[:8]) == "OpusHead": // RFC 7845, 5.1: positions are always of 48 kHz
		s.format, s.rate, s.skip = "opus", 48000, uint64(binary.LittleEndian.Uint16(b[10:]))
	case len(b) >= 30 && string(b[:7]) == "\x01vorbis": // Vorbis I, 4.2.2
		s.format, s.rate = "ogg", float64(binary.LittleEndian.Uint32(b[12:]))
	case len(b) >= 17+34 && string(b[:5]) == "\x7fFLAC": // RFC 9639, 10.1
		rate, _ := flacStream(b[17:])
		s.format, s.rate = "ogg", float64(rate)
	case len(b) >= 40 && string(b[:8]) == "Speex   ":
		s.format, s.rate = "ogg", float64(binary.LittleEndian.Uint32(b[36:]))
	}
	return s
}

// lastGranule gives the position on the last page of a stream in data.
func lastGranule(data []byte, serial uint32) (granule uint64, ok bool) {
	const (
		none  = 1<<64 - 1 // no packet ends on the page
		tries = 64        // what only looks like a page costs a checksum
	)
	end := len(data)
	for range tries {
		at := bytes.LastIndex(data[:end], []byte("OggS"))
		if at < 0 {
			return 0, false
		}
		page, ok := parseOggPage(data[at:])
		if ok && page.serial == serial && page.granule != none {
			return page.granule, true
		}
		end = at
	}
	return 0, false
}

const oggHeader = 27 // before the table of segments

type oggPage struct {
	isFirst bool
	granule uint64
	serial  uint32
	body    []byte
	size    int
}

// oggPageSize reads how long the page is that data begins with; 0 if it begins with none.
func oggPageSize(data []byte) int {
	if len(data) < oggHeader || string(data[:5]) != "OggS\x00" {
		return 0
	}
	size := oggHeader + int(data[26])
	if len(data) < size {
		return 0
	}
	for _, n := range data[oggHeader:size] {
		size += int(n)
	}
	return size
}

// parseOggPage reads the page at the start of data (RFC 3533, 6); not ok if it is not whole.
func parseOggPage(data []byte) (oggPage, bool) {
	size := oggPageSize(data)
	if size == 0 || len(data) < size || oggChecksum(data[:size]) != binary.LittleEndian.Uint32(data[22:]) {
		return oggPage{}, false
	}
	return oggPage{
		isFirst: data[5]&2 != 0,
		granule: binary.LittleEndian.Uint64(data[6:]),
		serial:  binary.LittleEndian.Uint32(data[14:]),
		body:    data[oggHeader+int(data[26]) : size],
		size:    size,
	}, true
}

// oggChecksum is a CRC-32 whose bits are not reflected, which hash/crc32 does not have. Its own field counts as 0.
func oggChecksum(page []byte) uint32 {
	const polynomial = 0x04c11db7
	var table [256]uint32
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ polynomial
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	crc := uint32(0)
	for i, b := range page {
		if i >= 22 && i < 26 {
			b = 0
		}
		crc = crc<<8 ^ table[byte(crc>>24)^b]
	}
	return crc
}
