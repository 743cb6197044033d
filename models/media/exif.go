package media

import "encoding/binary"

const (
	exifHeader         = "Exif\x00\x00"
	exifOrientationTag = 0x0112
	exifShort          = 3
	// No camera writes more entries into the first directory; a damaged count is not followed further.
	exifMaxEntries = 512
)

// exifOrientation gives the orientation, 1 to 8, of the Exif segment of n bytes at off, or 0 where there is none (Exif 2.3,
// 4.5 and 4.6.4; TIFF 6.0, section 2).
func exifOrientation(src *source, off int64, n int) int {
	head := src.at(off, len(exifHeader)+8)
	if n < len(exifHeader)+8 || head == nil || string(head[:len(exifHeader)]) != exifHeader {
		return 0
	}
	tiff := head[len(exifHeader):]
	off, n = off+int64(len(exifHeader)), n-len(exifHeader)
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	directory := int64(order.Uint32(tiff[4:]))
	if directory+2 > int64(n) {
		return 0
	}
	count := src.at(off+directory, 2)
	if count == nil {
		return 0
	}
	entries := int64(min(order.Uint16(count), exifMaxEntries))
	for i := range entries {
		at := directory + 2 + 12*i
		entry := src.at(off+at, 12) // tag, type, count, value
		if at+12 > int64(n) || entry == nil {
			return 0
		}
		if order.Uint16(entry) != exifOrientationTag {
			continue
		}
		value := order.Uint16(entry[8:])
		if order.Uint16(entry[2:]) != exifShort || value < 1 || value > 8 {
			return 0
		}
		return int(value)
	}
	return 0
}
