package costs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table writes rows into a file and reads them again.
func table(t *testing.T) *file {
	t.Helper()
	f := &file{path: filepath.Join(t.TempDir(), "expected.txt")}
	for _, group := range [][]Row{
		{{"live", "encode a message", NoDatabase, Cost{0, 5}}},
		{{"http", "send", "mysql", Cost{7, 437}}, {"http", "list of 10", "mysql", Cost{4.5, 1618}}},
		{{"http", "send", "sqlite", Cost{7, 456}}},
	} {
		if err := f.replace(group[0].Part, group[0].Database, group); err != nil {
			t.Fatal(err)
		}
	}
	read := &file{path: f.path}
	if err := read.read(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read.rows, f.rows) {
		t.Fatalf("written %v, read %v", f.rows, read.rows)
	}
	return read
}

func TestFileIsInOrder(t *testing.T) {
	f := table(t)
	if err := f.replace("http", "mysql", []Row{{"http", "send", "mysql", Cost{6, 400}}}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, r := range f.rows {
		keys = append(keys, r.key())
	}
	want := []string{"http  send  sqlite", "http  send  mysql", "live  encode a message  -"}
	if !slices.Equal(keys, want) {
		t.Errorf("%q and not %q", keys, want)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	f := table(t)
	send, list := Row{"http", "send", "mysql", Cost{7, 437}}, Row{"http", "list of 10", "mysql", Cost{4.5, 1618}}
	with := func(r Row, statements, allocations float64) Row {
		r.Cost = Cost{statements, allocations}
		return r
	}
	for name, c := range map[string]struct {
		measured []Row
		want     []string // a part of each line
	}{
		"none":                      {[]Row{send, list}, nil},
		"within the tolerance":      {[]Row{with(send, 7, 441), list}, nil},
		"too many allocations":      {[]Row{with(send, 7, 442), list}, []string{"442.0 allocations, 437 are expected"}},
		"fewer allocations":         {[]Row{with(send, 7, 432), list}, []string{"432.0 allocations, 437 are expected"}},
		"a statement more":          {[]Row{with(send, 8, 437), list}, []string{"8 statements, 7 are expected"}},
		"a statement fewer":         {[]Row{with(send, 6, 437), list}, []string{"6 statements, 7 are expected"}},
		"an operation not expected": {[]Row{send, list, {"http", "new", "mysql", Cost{1, 1}}}, []string{"new  mysql is not in expected.txt"}},
		"an operation not measured": {[]Row{send}, []string{"list of 10  mysql is expected and was not measured"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := f.differences("http", "mysql", c.measured)
			if len(found) != len(c.want) {
				t.Fatalf("found %q", found)
			}
			for i, part := range c.want {
				if !strings.Contains(found[i], part) {
					t.Errorf("found %q, want %q", found[i], part)
				}
			}
		})
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	for _, line := range []string{"http  send  sqlite  7", "http  send  sqlite  x  5", "http  send  sqlite  7  y"} {
		f := &file{path: filepath.Join(t.TempDir(), "expected.txt")}
		if err := os.WriteFile(f.path, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.read(); err == nil {
			t.Errorf("%q was read as %v", line, f.rows)
		}
	}
}

// TestMeasureCounts measures what is known, with something in between that happens now and then.
func TestMeasureCounts(t *testing.T) {
	statements, kept, run := &Statements{}, []*[64]byte{}, 0
	cost := Measure(100, statements, func() {
		kept = append(kept[:0], new([64]byte), new([64]byte), new([64]byte))
		statements.count.Add(2)
		if run++; run%40 == 0 {
			kept = append(kept, new([64]byte), new([64]byte))
			statements.count.Add(1)
		}
	})
	if len(kept) < 3 || cost.Statements != 2 || cost.Allocations != 3 {
		t.Errorf("3 allocations and 2 statements cost %+v", cost)
	}
}
