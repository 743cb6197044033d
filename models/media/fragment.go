package media

import (
	"bytes"
	"encoding/binary"
)

const (
	// How many reads a walk over fragments may make before the tail is looked at instead: a recording of some twenty
	// seconds has fewer fragments, and what they cost leaves enough for the tail.
	fragmentReads = 24
	// How much of the tail is searched for the last fragments: two seconds of a browser's recording at 1 Mbit/s.
	fragmentTail = 256 << 10
)

// fragmentedDuration is that of a movie in fragments, of which the first is at first. A recorder that writes as it
// records states no duration at the start; then it is in an index, or it is where the last fragment ends.
func (m *movie) fragmentedDuration(src *source, first int64, index segmentIndex) float64 {
	if m.fragments > 0 {
		return m.fragments
	}
	if seconds := index.duration(src); seconds > 0 {
		return seconds
	}
	var t timeline
	switch last, ok := lastIndexedFragment(src); {
	case ok && t.walk(src, m, last, maxReads):
	case t.walk(src, m, first, src.reads+fragmentReads):
	case t.searchTail(src, m):
	default:
		return 0
	}
	start := 0.0
	if m.seconds == 0 { // all samples are in fragments; a recording cut out of a live stream does not begin at 0
		start = startOf(src, m, first)
	}
	return t.end - start
}

// timeline collects when fragments begin and end, in seconds.
type timeline struct {
	isThere    bool
	start, end float64
}

func (t *timeline) add(start, end float64) {
	if !t.isThere || start < t.start {
		t.start = start
	}
	t.end = max(t.end, end)
	t.isThere = true
}

func startOf(src *source, m *movie, first int64) float64 {
	var t timeline
	if b, ok := src.boxAt(first, src.size); ok {
		t.fragment(src, m, b)
	}
	return t.start
}

// walk goes from the box at off to the end of the file, and tells whether it came there and saw a fragment.
func (t *timeline) walk(src *source, m *movie, off int64, reads int) bool {
	for src.size-off >= 8 {
		b, ok := src.boxAt(off, src.size)
		if !ok || src.reads > reads {
			return false
		}
		if b.kind == "moof" && !b.isCut && !t.fragment(src, m, b) {
			return false
		}
		off = b.end
	}
	return t.isThere
}

// searchTail looks for the last fragments in the tail. The four letters may be in the middle of a sound as well, so a
// fragment is one whose header is in order, and from which a walk comes to the end of the file.
func (t *timeline) searchTail(src *source, m *movie) bool {
	n := min(int64(fragmentTail), int64(src.left()), src.size)
	start := src.size - n
	tail := src.at(start, int(n))
	i := 4
	for range 8 { // tries: what only looks like a fragment costs a walk
		if i >= len(tail) {
			break
		}
		at := bytes.Index(tail[i:], []byte("moof"))
		if at < 0 {
			return false
		}
		i += at + 4
		if i+8 <= len(tail) && string(tail[i+4:i+8]) == "mfhd" {
			*t = timeline{}
			if t.walk(src, m, start+int64(i-8), maxReads) {
				return true
			}
		}
	}
	return false
}

// fragment adds the tracks of a moof box (ISO/IEC 14496-12, 8.8.4 and 8.8.6).
func (t *timeline) fragment(src *source, m *movie, moof box) bool {
	for b := range src.boxes(moof.body, moof.end) {
		if b.kind != "traf" {
			continue
		}
		start, end, timescale, ok := trackFragment(src, m, b)
		if !ok {
			return false
		}
		t.add(inSeconds(start, timescale), inSeconds(end, timescale))
	}
	return t.isThere
}

// trackFragment gives the ticks at which a track's fragment begins and ends.
func trackFragment(src *source, m *movie, traf box) (start, end uint64, timescale uint32, ok bool) {
	var sampleTicks uint32
	var ticks uint64
	for b := range src.boxes(traf.body, traf.end) {
		switch b.kind {
		case "tfhd":
			id, ownTicks, ok := fragmentHeader(src, b)
			if !ok {
				return 0, 0, 0, false
			}
			sampleTicks = m.defaultTicks[id]
			if ownTicks > 0 {
				sampleTicks = ownTicks
			}
			for _, track := range m.tracks {
				if track.id == id {
					timescale = track.timescale
				}
			}
		case "tfdt":
			if body := src.inside(b, 12); body != nil && body[0] == 1 {
				start, ok = binary.BigEndian.Uint64(body[4:]), true
			} else if body := src.inside(b, 8); body != nil && body[0] == 0 {
				start, ok = uint64(binary.BigEndian.Uint32(body[4:])), true
			}
		case "trun":
			run, isRead := runTicks(src, b, sampleTicks)
			if !isRead {
				return 0, 0, 0, false
			}
			ticks += run
		}
	}
	return start, start + ticks, timescale, ok && timescale > 0 && start+ticks >= start
}

// fragmentHeader reads a tfhd box (8.8.7): the track, and the length of a sample if it is stated.
func fragmentHeader(src *source, tfhd box) (id, sampleTicks uint32, ok bool) {
	body := src.inside(tfhd, 8)
	if body == nil {
		return 0, 0, false
	}
	flags := body[3]
	id = binary.BigEndian.Uint32(body[4:])
	if flags&0x08 == 0 {
		return id, 0, true
	}
	at := 8
	if flags&0x01 != 0 { // base offset
		at += 8
	}
	if flags&0x02 != 0 { // description
		at += 4
	}
	if body = src.inside(tfhd, at+4); body == nil {
		return 0, 0, false
	}
	return id, binary.BigEndian.Uint32(body[at:]), true
}

// runTicks gives the length of a run of samples, a trun box (8.8.8).
func runTicks(src *source, trun box, sampleTicks uint32) (ticks uint64, ok bool) {
	body := src.inside(trun, 8)
	if body == nil {
		return 0, false
	}
	flags, count := uint32(body[2])<<8|uint32(body[3]), binary.BigEndian.Uint32(body[4:])
	if flags&0x100 == 0 {
		return uint64(count) * uint64(sampleTicks), true
	}
	at := int64(8)
	if flags&0x01 != 0 { // offset of the data
		at += 4
	}
	if flags&0x04 != 0 { // flags of the first sample
		at += 4
	}
	width := int64(4)
	for _, flag := range []uint32{0x200, 0x400, 0x800} { // size, flags, offset in time
		if flags&flag != 0 {
			width += 4
		}
	}
	n := at + int64(count)*width
	if n > maxBytes {
		return 0, false
	}
	if body = src.inside(trun, int(n)); body == nil {
		return 0, false
	}
	for ; at < n; at += width {
		ticks += uint64(binary.BigEndian.Uint32(body[at:]))
	}
	return ticks, true
}

// lastIndexedFragment gives the offset of the last fragment that the index at the end of a file knows (8.8.9 to
// 8.8.11). It knows those that a player can jump to; others may follow.
func lastIndexedFragment(src *source) (off int64, ok bool) {
	const length = 16 // of the mfro box, which is last and tells where the mfra box around it begins
	src.upTo(max(0, src.size-laterChunk), laterChunk)
	mfro := src.at(src.size-length, length)
	if mfro == nil || string(mfro[4:8]) != "mfro" {
		return 0, false
	}
	mfra, ok := src.boxAt(src.size-int64(binary.BigEndian.Uint32(mfro[12:])), src.size)
	if !ok || mfra.kind != "mfra" {
		return 0, false
	}
	for b := range src.boxes(mfra.body, mfra.end) {
		if b.kind == "tfra" {
			off = max(off, lastEntry(src, b))
		}
	}
	return off, off > 0
}

// lastEntry gives the offset of the fragment in the last entry of a tfra box, or 0.
func lastEntry(src *source, tfra box) int64 {
	body := src.inside(tfra, 16)
	if body == nil {
		return 0
	}
	sizes, count := body[11], int64(binary.BigEndian.Uint32(body[12:]))
	numbers := int64(3 + sizes>>4&3 + sizes>>2&3 + sizes&3) // of traf, trun and sample, each of 1 to 4 bytes
	half := int64(4)
	if body[0] == 1 {
		half = 8
	}
	width := 2*half + numbers
	if count == 0 || count*width > tfra.end-tfra.body-16 {
		return 0
	}
	entry := src.at(tfra.body+16+(count-1)*width, int(width))
	switch {
	case entry == nil:
		return 0
	case half == 8:
		return int64(min(binary.BigEndian.Uint64(entry[8:]), uint64(src.size)))
	}
	return int64(binary.BigEndian.Uint32(entry[4:]))
}
