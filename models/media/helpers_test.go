package media

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"testing"
)

// sample is a file made by a test, and what Measure has to find.
type sample struct {
	name string
	data []byte
	want Info
	// counted: the duration is counted out of what is there, so a cut file has a shorter one. Else it is stated in a header,
	// and a cut file has the whole one or none.
	counted bool
}

// meter counts what is read of a file.
type meter struct {
	r            io.ReaderAt
	reads, bytes int
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	m.reads++
	m.bytes += len(p)
	return m.r.ReadAt(p, off)
}

// measure measures data and checks what holds for any file.
func measure(t *testing.T, data []byte, name string) Info {
	t.Helper()
	file := &meter{r: bytes.NewReader(data)}
	info := Measure(file, int64(len(data)), name)
	if file.reads > maxReads || file.bytes > maxBytes {
		t.Errorf("%s: %d reads of %d bytes are over the budget", name, file.reads, file.bytes)
	}
	checkSane(t, name, info)
	return info
}

func checkSane(t *testing.T, name string, info Info) {
	t.Helper()
	if info.MIMEType == "" || (info.Width > 0) != (info.Height > 0) || info.Width < 0 || info.Height < 0 ||
		info.Width > maxSide || info.Height > maxSide || !(info.Duration >= 0 && info.Duration <= maxDuration) {
		t.Errorf("%s: %+v cannot be", name, info)
	}
}

// equal compares with a tolerance of a millisecond.
func equal(a, b Info) bool {
	close := math.Abs(a.Duration-b.Duration) < 0.0011
	a.Duration, b.Duration = 0, 0
	return a == b && close
}

// checkWhole: all of the sample is found.
func checkWhole(t *testing.T, s sample) {
	t.Helper()
	if got := measure(t, s.data, s.name); !equal(got, s.want) {
		t.Errorf("%s: measured %+v, want %+v", s.name, got, s.want)
	}
}

// checkCut: of the sample cut at every sixteenth, and at each of the first bytes, everything that is found is right.
func checkCut(t *testing.T, s sample) {
	t.Helper()
	var cuts []int
	for i := range 16 {
		cuts = append(cuts, len(s.data)*i/16)
	}
	for i := range min(len(s.data), 64) {
		cuts = append(cuts, i)
	}
	for _, n := range cuts {
		got := measure(t, s.data[:n], s.name)
		if got.Width != 0 && (got.Width != s.want.Width || got.Height != s.want.Height) {
			t.Errorf("%s cut to %d of %d bytes: measured %+v, want %+v", s.name, n, len(s.data), got, s.want)
		}
		late := got.Duration > s.want.Duration+0.0011
		stated := got.Duration == 0 || math.Abs(got.Duration-s.want.Duration) < 0.0011
		if late || !s.counted && !stated {
			t.Errorf("%s cut to %d of %d bytes: %v seconds, want %v", s.name, n, len(s.data), got.Duration, s.want.Duration)
		}
	}
}

// checkDamaged: whatever bits are flipped, in headers above all, there is no panic, and every value is one that can be.
func checkDamaged(t *testing.T, s sample) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(len(s.data))))
	for i := range 64 {
		data := bytes.Clone(s.data)
		within := len(data)
		if i%2 == 0 {
			within = min(within, 512)
		}
		for range 1 + random.IntN(8) {
			data[random.IntN(within)] ^= byte(1 << random.IntN(8))
		}
		checkSane(t, s.name, measure(t, data, s.name))
		src := newSource(bytes.NewReader(data), int64(len(data)))
		read(src, sniff(src, s.name).MIMEType) // past the guard: a panic of our own readers is a bug
	}
}

func checkSamples(t *testing.T, samples []sample) {
	t.Helper()
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			checkWhole(t, s)
			checkCut(t, s)
			checkDamaged(t, s)
		})
	}
}

// fuzz lets the fuzzer change the samples, and reads the result as a file of their type, whatever it starts with.
func fuzz(f *testing.F, samples []sample, read func(*source) Info) {
	f.Helper()
	for _, s := range samples {
		if len(s.data) <= 12<<10 { // the fuzzer is slow on long inputs
			f.Add(s.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := &meter{r: bytes.NewReader(data)}
		read(newSource(file, int64(len(data))))
		if file.reads > maxReads || file.bytes > maxBytes {
			t.Errorf("%d reads of %d bytes are over the budget", file.reads, file.bytes)
		}
	})
}
