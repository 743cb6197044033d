package media

import (
	"encoding/binary"
	"iter"
)

// box is a part of an ISO base media file (ISO/IEC 14496-12, 4.2), and of QuickTime, where it is called an atom.
type box struct {
	kind      string // four characters
	start     int64  // of its header
	body, end int64
	isCut     bool // it says that it goes on behind the end of what it lies in
}

// boxAt reads the header of the box at off, in a file or a box that ends at end. A box that goes on behind that is cut
// there.
func (s *source) boxAt(off, end int64) (box, bool) {
	if end-off < 8 {
		return box{}, false
	}
	head := s.at(off, 8)
	if head == nil {
		return box{}, false
	}
	size, header := uint64(binary.BigEndian.Uint32(head)), int64(8)
	switch size {
	case 0: // up to the end
		size = uint64(end - off)
	case 1: // a long size follows
		long := s.at(off+8, 8)
		if end-off < 16 || long == nil {
			return box{}, false
		}
		size, header = binary.BigEndian.Uint64(long), 16
	}
	if size < uint64(header) {
		return box{}, false
	}
	b := box{kind: string(head[4:8]), start: off, body: off + header, end: end}
	if size <= uint64(end-off) {
		b.end = off + int64(size)
	} else {
		b.isCut = true
	}
	return b, true
}

// boxes gives the boxes from off to end, as far as they can be read.
func (s *source) boxes(off, end int64) iter.Seq[box] {
	return func(yield func(box) bool) {
		for {
			b, ok := s.boxAt(off, end)
			if !ok || !yield(b) {
				return
			}
			off = b.end
		}
	}
}

// inside gives the first n bytes of a box's body, or nil when it has fewer.
func (s *source) inside(b box, n int) []byte {
	if b.end-b.body < int64(n) {
		return nil
	}
	return s.at(b.body, n)
}

// brands gives the major brand of a file and those it is compatible with; none when it does not begin with them, as
// QuickTime's older files do not.
func brands(src *source) []string {
	b, ok := src.boxAt(0, src.size)
	if !ok || b.kind != "ftyp" {
		return nil
	}
	const most = 64 // brands; a dozen is many
	body := src.upTo(b.body, int(min(b.end-b.body, 4*most)))
	var names []string
	for i := 0; i+4 <= len(body); i += 4 {
		if i != 4 { // the minor version
			names = append(names, string(body[i:i+4]))
		}
	}
	return names
}
