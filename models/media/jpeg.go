package media

import "encoding/binary"

// The markers that are looked at (ITU-T T.81, table B.1).
const (
	jpegTEM  = 0x01
	jpegRST0 = 0xd0
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegAPP1 = 0xe1
)

// readJPEG walks the markers up to the first scan: the frame header has the size, and an Exif segment may say that a
// viewer turns the picture. image/jpeg's DecodeConfig is not used, because it reads through every segment, and a phone
// puts some 100 KB of thumbnails and depth maps before the frame header; here they are jumped over. It also refuses
// kinds that browsers show.
func readJPEG(src *source) Info {
	var info Info
	orientation := 0
	pos := int64(2)
	for {
		marker, length, ok := jpegMarker(src, &pos)
		if !ok || marker == jpegSOS || marker == jpegEOI {
			break
		}
		switch {
		case isFrameHeader(marker) && info.Width == 0:
			// length, precision, height, width
			if frame := src.at(pos, 7); frame != nil && length >= 7 {
				info.Height = int(binary.BigEndian.Uint16(frame[3:]))
				info.Width = int(binary.BigEndian.Uint16(frame[5:]))
			}
		case marker == jpegAPP1 && orientation == 0:
			orientation = exifOrientation(src, pos+2, length-2)
		}
		pos += int64(length)
	}
	if orientation >= 5 && orientation <= 8 { // turned by a quarter
		info.Width, info.Height = info.Height, info.Width
	}
	return info
}

// jpegMarker reads the marker at *pos, moves *pos to the length that follows it, and gives that length, which counts
// its own two bytes.
func jpegMarker(src *source, pos *int64) (marker byte, length int, ok bool) {
	for {
		head := src.at(*pos, 2)
		if head == nil || head[0] != 0xff {
			return 0, 0, false
		}
		marker = head[1]
		if marker == 0xff { // a filler before the marker
			*pos++
			continue
		}
		*pos += 2
		if marker == jpegTEM || marker >= jpegRST0 && marker <= jpegSOI { // alone, without a length
			continue
		}
		if marker == jpegEOI {
			return marker, 0, true
		}
		size := src.at(*pos, 2)
		if size == nil {
			return 0, 0, false
		}
		length = int(binary.BigEndian.Uint16(size))
		return marker, length, marker != 0 && length >= 2
	}
}

// isFrameHeader: SOF0 to SOF15, between which lie three other markers (DHT, JPG, DAC).
func isFrameHeader(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}
