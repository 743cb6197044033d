package media

import (
	"encoding/binary"
	"slices"
)

// readHEIF reads the pictures of phones: HEIC, AVIF and other files of ISO/IEC 23008-12. The size is that of the
// primary item, as its properties crop and turn it, in their order (6.5: ispe, clap, irot).
func readHEIF(src *source) Info {
	var info Info
	names := brands(src)
	switch {
	case slices.Contains(names, "avif") || slices.Contains(names, "avis"):
		info.MIMEType, info.Format = "image/avif", "avif"
	case slices.Contains(names, "heic") || slices.Contains(names, "heix"):
		info.MIMEType, info.Format = "image/heic", "heic"
	}
	for b := range src.boxes(0, src.size) {
		if b.kind == "meta" {
			info.Width, info.Height = primarySize(src, b)
			break
		}
	}
	return info
}

// primarySize gives the size of the primary item of a meta box.
func primarySize(src *source, meta box) (width, height int) {
	var primary uint32
	var properties []box
	var associations []box
	for b := range src.boxes(meta.body+4, meta.end) { // behind version and flags
		switch b.kind {
		case "pitm":
			primary = primaryItem(src, b)
		case "iprp":
			for b := range src.boxes(b.body, b.end) {
				switch b.kind {
				case "ipco":
					properties = slices.Collect(src.boxes(b.body, b.end))
				case "ipma":
					associations = append(associations, b)
				}
			}
		}
	}
	for _, b := range associations {
		for _, index := range associated(src, b, primary) {
			if index >= 1 && index <= len(properties) {
				width, height = applyProperty(src, properties[index-1], width, height)
			}
		}
	}
	return width, height
}

func primaryItem(src *source, pitm box) uint32 {
	if body := src.inside(pitm, 8); body != nil && body[0] > 0 {
		return binary.BigEndian.Uint32(body[4:])
	}
	if body := src.inside(pitm, 6); body != nil && body[0] == 0 {
		return uint32(binary.BigEndian.Uint16(body[4:]))
	}
	return 0
}

// associated gives the numbers, from 1 on, of the properties of an item (ItemPropertyAssociationBox).
func associated(src *source, ipma box, item uint32) []int {
	body := src.at(ipma.body, int(min(ipma.end-ipma.body, maxBytes)))
	if len(body) < 8 {
		return nil
	}
	longID, longIndex := body[0] > 0, body[3]&1 == 1
	body = body[8:] // the count of entries is not needed
	for {
		id, count := uint32(0), 0
		switch {
		case longID && len(body) >= 5:
			id, count, body = binary.BigEndian.Uint32(body), int(body[4]), body[5:]
		case !longID && len(body) >= 3:
			id, count, body = uint32(binary.BigEndian.Uint16(body)), int(body[2]), body[3:]
		default:
			return nil
		}
		width := 1
		if longIndex {
			width = 2
		}
		if len(body) < count*width {
			return nil
		}
		if id != item {
			body = body[count*width:]
			continue
		}
		indexes := make([]int, count)
		for i := range indexes { // the highest bit says that the property is essential
			if longIndex {
				indexes[i] = int(binary.BigEndian.Uint16(body[2*i:]) & 0x7fff)
			} else {
				indexes[i] = int(body[i] & 0x7f)
			}
		}
		return indexes
	}
}

// applyProperty gives the size that a picture of that size has with one more property.
func applyProperty(src *source, b box, width, height int) (int, int) {
	switch b.kind {
	case "ispe": // version and flags, width, height
		if body := src.inside(b, 12); body != nil {
			return int(binary.BigEndian.Uint32(body[4:])), int(binary.BigEndian.Uint32(body[8:]))
		}
	case "clap": // width and height as fractions, then the offsets
		if body := src.inside(b, 32); body != nil {
			field := func(i int) int { return int(binary.BigEndian.Uint32(body[4*i:])) }
			if field(1) > 0 && field(3) > 0 {
				return min(width, field(0)/field(1)), min(height, field(2)/field(3))
			}
		}
	case "irot": // quarters of a turn
		if body := src.inside(b, 1); body != nil {
			if body[0]&1 == 1 {
				return height, width
			}
			return width, height
		}
	default:
		return width, height
	}
	return 0, 0 // a property that cannot be read: the size is not known
}
