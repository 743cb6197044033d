package media

import "encoding/binary"

// segmentIndex is the sidx boxes before the first fragment (ISO/IEC 14496-12, 8.16.3). One at the start may be of the
// whole file; a recorder for streaming puts one before each fragment, of that one alone.
type segmentIndex struct {
	seconds float64
	end     int64 // behind the last byte that it is of
}

func (x *segmentIndex) add(src *source, sidx box) {
	header := 24 // version and flags, track, timescale, time, offset, reserved, count
	body := src.inside(sidx, header)
	if body == nil {
		return
	}
	offset := uint64(binary.BigEndian.Uint32(body[16:]))
	if body[0] == 1 { // time and offset are long
		header = 32
		if body = src.inside(sidx, header); body == nil {
			return
		}
		offset = binary.BigEndian.Uint64(body[20:])
	}
	timescale, count := binary.BigEndian.Uint32(body[8:]), int(binary.BigEndian.Uint16(body[header-2:]))
	if body = src.inside(sidx, header+12*count); body == nil || offset > uint64(src.size) {
		return
	}
	end, ticks := sidx.end+int64(offset), uint64(0)
	for entry := body[header:]; len(entry) >= 12; entry = entry[12:] { // size, ticks, access point
		end += int64(binary.BigEndian.Uint32(entry) & 0x7fffffff)
		ticks += uint64(binary.BigEndian.Uint32(entry[4:]))
	}
	x.seconds = max(x.seconds, inSeconds(ticks, timescale)) // one a track
	x.end = max(x.end, end)
}

// duration is that of the whole file, or 0 if the index is of a part.
func (x *segmentIndex) duration(src *source) float64 {
	if x.end < src.size {
		if b, ok := src.boxAt(x.end, src.size); !ok || b.kind != "mfra" {
			return 0
		}
	}
	return x.seconds
}
