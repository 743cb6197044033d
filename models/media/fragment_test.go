package media

import (
	"math"
	"slices"
	"testing"
)

// extends is the moov box of a movie in fragments: track 1 in 90,000 ticks a second, samples of 3,000.
func extends(seconds float64, total []byte) []byte {
	return boxOf("moov", timesOf("mvhd", 0, 1000, uint64(seconds*1000)),
		trackOf{id: 1, handler: "vide", width: 640, height: 480, timescale: 90000, table: 100}.box(),
		boxOf("mvex", total, fullBox("trex", 0, 0, u32(1, 1, 3000, 0, 0))))
}

// fragmentOf is a fragment that starts at a second and has n samples of a thirtieth of a second, with n KB of data.
func fragmentOf(start float64, n int, header, run []byte) []byte {
	return slices.Concat(boxOf("moof", fullBox("mfhd", 0, 0, u32(1)),
		boxOf("traf", header, fullBox("tfdt", 1, 0, u64(uint64(start*90000))), run)),
		boxOf("mdat", make([]byte, n<<10)))
}

// plainFragment leaves the lengths of its samples to the moov box.
func plainFragment(start float64, n int) []byte {
	return fragmentOf(start, n, fullBox("tfhd", 0, 0x020000, u32(1)), fullBox("trun", 0, 1, u32(uint32(n), 0)))
}

// fragmentsTo are n fragments of a second each.
func fragmentsTo(n int) (b []byte) {
	for i := range n {
		b = append(b, plainFragment(float64(i), 30)...)
	}
	return b
}

// indexOf is a sidx box over size bytes that follow it.
func indexOf(version byte, seconds float64, size int) []byte {
	times := u32(0, 0)
	if version == 1 {
		times = u64(0, 0)
	}
	half := uint32(seconds * 500)
	return fullBox("sidx", version, 0, u32(1, 1000), times, u16(0, 2), u32(uint32(size/2), half, 0), u32(uint32(size-size/2), half, 0))
}

// accessOf is a mfra box with an entry for a fragment at off.
func accessOf(version byte, off int) []byte {
	entry := slices.Concat(u32(0, uint32(off)), []byte{1, 1, 1})
	if version == 1 {
		entry = slices.Concat(u64(0, uint64(off)), []byte{1, 1, 1})
	}
	table := fullBox("tfra", version, 0, u32(1, 0, 2), entry, entry)
	return boxOf("mfra", table, fullBox("mfro", 0, 0, u32(uint32(len(table)+8+16))))
}

func fragmentSamples() []sample {
	head := slices.Concat(fileType("iso5", "dash"), extends(0, nil))
	want := Info{MIMEType: "video/mp4", Format: "mp4", Width: 640, Height: 480, Duration: 6}
	body := fragmentsTo(6)
	perSample := slices.Concat(u32(3, 0, 0), u32(90000, 100, 90000, 100, 90000, 100)) // offset, flags of the first, length and size
	return []sample{
		{name: "counted.mp4", data: slices.Concat(head, body), want: want, counted: true},
		{name: "total.mp4", data: slices.Concat(fileType("iso5"), extends(0, fullBox("mehd", 0, 0, u32(6000))), body), want: want},
		{name: "long total.mp4", data: slices.Concat(fileType("iso5"), extends(0, fullBox("mehd", 1, 0, u64(6000))), body), want: want},
		{name: "index.mp4", data: slices.Concat(head, indexOf(0, 6, len(body)), body), want: want},
		{name: "long index.mp4", data: slices.Concat(head, indexOf(1, 6, len(body)), body, accessOf(0, len(head))), want: want},
		{name: "index of the first.mp4", data: slices.Concat(head, indexOf(1, 1, 1000), body), want: want, counted: true},
		{name: "access.mp4", data: slices.Concat(head, body, accessOf(0, len(head)+len(fragmentsTo(4)))), want: want, counted: true},
		{name: "long access.mp4", data: slices.Concat(head, body, accessOf(1, len(head)+len(fragmentsTo(5)))), want: want, counted: true},
		{name: "access to nothing.mp4", data: slices.Concat(head, body, accessOf(1, 17)), want: want, counted: true},
		{name: "own lengths.mp4", data: slices.Concat(head, plainFragment(0, 90),
			fragmentOf(3, 3, fullBox("tfhd", 0, 0x020000, u32(1)), fullBox("trun", 0, 0x305, perSample))), want: want, counted: true},
		{name: "length of the fragment.mp4", data: slices.Concat(head, plainFragment(0, 90),
			fragmentOf(3, 3, fullBox("tfhd", 0, 0x0b, u32(1), u64(0), u32(1, 90000)), fullBox("trun", 0, 0, u32(3)))), want: want, counted: true},
		{name: "part in front.mp4", data: slices.Concat(fileType("iso5"), extends(2, nil), plainFragment(2, 60), plainFragment(4, 60)), want: want, counted: true},
		{name: "cut out of a stream.mp4", data: slices.Concat(head, plainFragment(1000, 90), plainFragment(1003, 90)), want: want, counted: true},
	}
}

func TestMoviesInFragments(t *testing.T) {
	checkSamples(t, fragmentSamples())
}

// A recording of ten minutes without an index: the last fragments are found in the tail.
func TestLongRecordingInFragments(t *testing.T) {
	file := (&sparse{}).put(fileType("iso5")).put(extends(0, nil))
	for i := range 600 {
		fragment := plainFragment(float64(i), 30)
		moof := fragment[:len(fragment)-30<<10-8]
		file.put(moof).put(u32(30<<10 + 8)).put([]byte("mdat")).skip(30 << 10)
	}
	read := &meter{r: file}
	if got := Measure(read, file.size, "a.mp4"); math.Abs(got.Duration-600) > 0.001 || read.reads > maxReads || read.bytes > maxBytes {
		t.Errorf("measured %+v in %d reads of %d bytes", got, read.reads, read.bytes)
	}
}

// When the tail begins in the middle of a fragment that is longer than it, nobody knows.
func TestLongFragmentsWithoutIndex(t *testing.T) {
	file := (&sparse{}).put(fileType("iso5")).put(extends(0, nil))
	for i := range 100 {
		fragment := plainFragment(float64(i), 30)
		file.put(fragment[:len(fragment)-30<<10-8]).put(u32(8<<20 + 8)).put([]byte("mdat")).skip(8 << 20)
	}
	want := Info{MIMEType: "video/mp4", Format: "mp4", Width: 640, Height: 480}
	if got := Measure(file, file.size, "a.mp4"); got != want {
		t.Errorf("measured %+v, want %+v", got, want)
	}
}
