package media

// frame is one of the pieces, each with a header of its own, that an MP3, AAC or AMR stream is a plain sequence of.
type frame struct {
	bytes   int
	seconds float64
	stream  uint32 // what is alike in all headers of a stream
}

// framing tells how the frames of a kind are read.
type framing struct {
	header int // bytes that parse wants
	parse  func([]byte) (frame, bool)
	// So many frames in a row, all of one stream, are no accident. The weaker the header, the more it takes.
	chain int
}

const (
	// Up to here all frames are counted, in one read: four minutes of a phone's voice in AMR, one of AAC at 48 kbit/s.
	countedWhole = 384 << 10
	// Of longer streams the rate is taken from three windows: one is four seconds of AAC at 64 kbit/s.
	window = 32 << 10
	// So far may the rates of the windows lie apart, else the length is not known. Streams of constant bit rate are within a
	// thousandth, an encoder that holds a rate on average within a few hundredths.
	windowSpread = 1.05
	// So much of a stream has to be frames. A few damaged ones are passed over, as a player does.
	wantedShare = 0.95
)

// length gives the seconds of the frames between start and end, or 0.
func (f framing) length(src *source, start, end int64) float64 {
	switch n := end - start; {
	case n <= 0:
		return 0
	case n <= countedWhole:
		s := f.count(src.at(start, int(n)), true)
		if float64(s.bytes) < wantedShare*float64(n) {
			return 0
		}
		return s.seconds
	}
	slowest, fastest, bytes, seconds := 0.0, 0.0, 0, 0.0
	for _, off := range []int64{start, start + (end-start-window)/2, end - window} {
		s := f.count(src.at(off, window), off == start)
		if s.seconds == 0 || float64(s.bytes) < wantedShare*window {
			return 0
		}
		rate := float64(s.bytes) / s.seconds
		if slowest == 0 || rate < slowest {
			slowest = rate
		}
		fastest = max(fastest, rate)
		bytes += s.bytes
		seconds += s.seconds
	}
	if fastest > slowest*windowSpread {
		return 0
	}
	return float64(end-start) * seconds / float64(bytes)
}

// span is what count found.
type span struct {
	bytes   int // of whole frames
	seconds float64
}

// count adds up the whole frames in data; isStart says that a stream begins there, so that fewer frames than a chain
// will do when there are no more.
func (f framing) count(data []byte, isStart bool) span {
	var s span
	for at := 0; ; {
		next := f.sync(data, at, isStart && at == 0)
		if next < 0 {
			return s
		}
		first, _ := f.parse(data[next:])
		for at = next; at+f.header <= len(data); {
			this, ok := f.parse(data[at:])
			if !ok || this.stream != first.stream {
				at++
				break
			}
			if at+this.bytes > len(data) {
				return s
			}
			s.bytes += this.bytes
			s.seconds += this.seconds
			at += this.bytes
		}
	}
}

// sync gives the place, from at on, where a chain of frames begins, or -1.
func (f framing) sync(data []byte, at int, fewWillDo bool) int {
	for ; at+f.header <= len(data); at++ {
		if n, isEnd := f.chainAt(data, at); n == f.chain || fewWillDo && isEnd && n > 0 {
			return at
		}
		fewWillDo = false
	}
	return -1
}

// chainAt counts the frames of one stream from at on, up to a chain; isEnd when the data ends there or in the last of them.
func (f framing) chainAt(data []byte, at int) (n int, isEnd bool) {
	var first frame
	for n < f.chain {
		if at+f.header > len(data) {
			return n, true
		}
		this, ok := f.parse(data[at:])
		if !ok || n > 0 && this.stream != first.stream {
			return n, false
		}
		if n == 0 {
			first = this
		}
		n++
		at += this.bytes
	}
	return n, at >= len(data)
}
