package media

import "io"

const (
	// What one Measure may cost. Most files take one read or two, a long film with its headers at the end four. 64 are for
	// a phone's portrait, which has its depth map in some 40 segments before the size of the picture; of a local file, as
	// an upload is while it is measured, they take some 0.2 ms, and of a store such as S3 a second. Half a megabyte holds
	// four minutes of a phone's voice (AMR), which has to be counted, and bounds what 200 uploads at once hold in memory
	// to 100 MB.
	maxReads = 64
	maxBytes = 512 << 10
	// The headers of most files lie within the first read. Later ones, behind a jump, want less: 64 of them fit into maxBytes.
	firstChunk = 16 << 10
	laterChunk = 8 << 10
)

// source reads a file within a budget and keeps what it has read. A read that fails, lies outside of the file or goes over
// the budget gives nothing; the readers then leave out what they were looking for.
type source struct {
	r        io.ReaderAt
	size     int64
	reads    int // made so far
	bytes    int // read so far
	segments []segment
}

// segment is bytes of the file that were read at once.
type segment struct {
	off  int64
	data []byte
}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: max(size, 0)}
}

// at gives the n bytes at off, or nil. They must not be changed.
func (s *source) at(off int64, n int) []byte {
	if data := s.upTo(off, n); len(data) == n {
		return data
	}
	return nil
}

// upTo gives at most n bytes at off: fewer where the file ends, none where nothing can be read.
func (s *source) upTo(off int64, n int) []byte {
	if off < 0 || n <= 0 || off >= s.size {
		return nil
	}
	n = int(min(int64(n), s.size-off))
	for _, segment := range s.segments {
		if from := off - segment.off; from >= 0 && from+int64(n) <= int64(len(segment.data)) {
			return segment.data[from : from+int64(n) : from+int64(n)]
		}
	}
	data := s.read(off, n)
	return data[:min(n, len(data))]
}

// read reads n bytes at off, and what follows up to a chunk, because it is often wanted next.
func (s *source) read(off int64, n int) []byte {
	left := s.left()
	if n > left {
		return nil
	}
	chunk := laterChunk
	if s.reads == 0 {
		chunk = firstChunk
	}
	want := int(min(int64(max(n, min(chunk, left))), s.size-off))
	data := make([]byte, want)
	got, err := s.r.ReadAt(data, off)
	s.reads++
	s.bytes += want
	if got < 0 || got > want || (err != nil && err != io.EOF) {
		return nil
	}
	s.segments = append(s.segments, segment{off, data[:got]})
	return data[:got]
}

// left is how many more bytes may be read; in one read, if any is left at all.
func (s *source) left() int {
	if s.reads == maxReads {
		return 0
	}
	return maxBytes - s.bytes
}

// ReadAt makes a source an io.ReaderAt, for the decoders of other modules. It gives an end of file where at gives nothing.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, s.upTo(off, len(p)))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
