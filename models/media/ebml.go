package media

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
)

// element is a part of an EBML file, such as WebM (RFC 8794).
type element struct {
	id        uint32
	body, end int64
	isOpen    bool // of unknown size: it ends where an element begins that does not belong into it
	isCut     bool // it says that it goes on behind the end of what it lies in
}

// elementAt reads the head of the element at off, in one that ends at end. An element that goes on behind that is cut there.
func (s *source) elementAt(off, end int64) (element, bool) {
	const longest = 4 + 8
	head := s.upTo(off, int(max(0, min(longest, end-off))))
	e, n, size, ok := parseElement(head)
	if !ok {
		return element{}, false
	}
	e.body, e.end = off+int64(n), end
	switch {
	case e.isOpen:
	case size <= uint64(end-e.body):
		e.end = e.body + int64(size)
	default:
		e.isCut = true
	}
	return e, true
}

// parseElement reads the n bytes of id and size at the start of data (RFC 8794, 4 to 6).
func parseElement(data []byte) (e element, n int, size uint64, ok bool) {
	if len(data) == 0 {
		return e, 0, 0, false
	}
	width := bits.LeadingZeros8(data[0]) + 1
	if width > 4 || len(data) <= width {
		return e, 0, 0, false
	}
	for _, b := range data[:width] {
		e.id = e.id<<8 | uint32(b)
	}
	size, sizeWidth, ok := parseVint(data[width:])
	if !ok {
		return e, 0, 0, false
	}
	e.isOpen = size == 1<<(7*sizeWidth)-1
	return e, width + sizeWidth, size, true
}

// parseVint reads a number whose first bits tell its width.
func parseVint(data []byte) (n uint64, width int, ok bool) {
	if len(data) == 0 {
		return 0, 0, false
	}
	width = bits.LeadingZeros8(data[0]) + 1
	if width > 8 || len(data) < width {
		return 0, 0, false
	}
	n = uint64(data[0]) & (1<<(8-width) - 1)
	for _, b := range data[1:width] {
		n = n<<8 | uint64(b)
	}
	return n, width, true
}

// elements gives the elements from off to end, as far as they can be read. An open one takes all that follows.
func (s *source) elements(off, end int64) iter.Seq[element] {
	return func(yield func(element) bool) {
		for off < end {
			e, ok := s.elementAt(off, end)
			if !ok || !yield(e) {
				return
			}
			off = e.end
		}
	}
}

// number reads the body of an unsigned integer; 0 when it cannot be read.
func (s *source) number(e element) uint64 {
	return bigEndian(s.small(e))
}

// float reads the body of a floating-point number; 0 when it cannot be read.
func (s *source) float(e element) float64 {
	switch body := s.small(e); len(body) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(body)))
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(body))
	}
	return 0
}

// small gives a body of up to 8 bytes; none of one that is cut, which would be another number.
func (s *source) small(e element) []byte {
	if e.isCut || e.end-e.body > 8 {
		return nil
	}
	return s.at(e.body, int(e.end-e.body))
}

func bigEndian(data []byte) (n uint64) {
	for _, b := range data {
		n = n<<8 | uint64(b)
	}
	return n
}
