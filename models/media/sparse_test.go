package media

import (
	"io"
	"sort"
)

// sparse is a file that is mostly zeros: of any size, in no memory.
type sparse struct {
	size  int64
	parts []sparsePart
}

type sparsePart struct {
	off  int64
	data []byte
}

// put appends data, and skip appends n zeros.
func (s *sparse) put(data []byte) *sparse {
	s.parts = append(s.parts, sparsePart{s.size, data})
	s.size += int64(len(data))
	return s
}

func (s *sparse) skip(n int64) *sparse {
	s.size += n
	return s
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, s.size-off)))
	clear(p[:n])
	first := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].off+int64(len(s.parts[i].data)) > off })
	for _, part := range s.parts[first:] {
		if part.off >= off+int64(n) {
			break
		}
		from := part.off - off
		copy(p[max(0, from):n], part.data[max(0, -from):])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
