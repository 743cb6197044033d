// Package costs compares what operations cost, in statements to the database and allocations of memory, with what a
// file says they cost: a change that makes one dearer is seen in review and not in production. Times are not compared;
// tests/load measures them.
package costs

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// UpdateVariable is the variable that, set to anything, has what was measured written into the file.
const UpdateVariable = "PARLEY_TEST_UPDATE_COSTS"

// Cost is what one run of an operation takes.
type Cost struct {
	Statements  float64 // to the database, BEGIN and COMMIT among them; a part of one is what only some runs make
	Allocations float64 // by the whole process
}

// chunks of the runs are counted apart.
const chunks = 10

// Measure gives the cost of an operation, over about n runs. statements may be nil. Only what a node does by itself now and then
// may run meanwhile, such as the look at the counter once a second: of ten parts of the runs the one with the fewest statements
// counts, and the median of the allocations; few of the parts have that in them, on a slow machine too.
func Measure(n int, statements *Statements, operation func()) Cost {
	// One thread, as testing.AllocsPerRun has it: what runs beside the operation is not chosen by chance.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if statements == nil {
		statements = &Statements{}
	}
	runs := max(n/chunks, 1)
	for range runs {
		operation()
	}
	var sent, allocated [chunks]float64
	var before, after runtime.MemStats
	for i := range chunks {
		first := statements.Count()
		runtime.ReadMemStats(&before)
		for range runs {
			operation()
		}
		runtime.ReadMemStats(&after)
		sent[i] = float64(statements.Count()-first) / float64(runs)
		allocated[i] = float64(after.Mallocs-before.Mallocs) / float64(runs)
	}
	return Cost{Statements: math.Round(slices.Min(sent[:])*10) / 10, Allocations: median(allocated)}
}

func median(values [chunks]float64) float64 {
	slices.Sort(values[:])
	return (values[chunks/2-1] + values[chunks/2]) / 2
}

// Row is one operation on one database; without one it has no statements.
type Row struct {
	Part, Operation, Database string
	Cost
}

func (r Row) key() string { return r.Part + "  " + r.Operation + "  " + r.Database }

// NoDatabase stands for the database of what asks none.
const NoDatabase = "-"

const (
	// Allocations vary a little: the runtime empties its pools now and then, and maps grow by chance.
	tolerance = 0.01
	// The same for operations of a few allocations.
	toleranceLeast = 1
)

// Check compares what a part of the operations costs on one database with the file, or writes it there. Each measured
// operation must be in the file, and each in the file measured.
func Check(t *testing.T, part, database string, measured []Row) {
	t.Helper()
	file := file{path: expectedFile()}
	if err := file.read(); err != nil {
		t.Fatal(err)
	}
	for i := range measured {
		measured[i].Part, measured[i].Database = part, database
	}
	if os.Getenv(UpdateVariable) != "" {
		if err := file.replace(part, database, measured); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, difference := range file.differences(part, database, measured) {
		t.Error(difference)
	}
}

func expectedFile() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "expected.txt")
}

// file is the table of what is expected.
type file struct {
	path string
	rows []Row
}

const heading = `# What an operation costs: statements to the database (each a round trip to a MySQL server; BEGIN and COMMIT count) and
# allocations of memory, of the server's whole process. make bench-check compares: statements exactly, allocations within 1 %.
# A change that makes something cheaper or dearer on purpose brings this file along: make bench-update, with both databases.
# http: through the whole server, one request over a connection, or one event to a stream. store: a call of models alone.
# live: the way from the log to a stream's queue.
`

func (f *file) read() error {
	data, err := os.ReadFile(f.path)
	if os.IsNotExist(err) {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "part ") || strings.TrimSpace(line) == "" {
			continue
		}
		row, err := parseRow(line)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", f.path, line, err)
		}
		f.rows = append(f.rows, row)
	}
	return err
}

// parseRow reads cells that are separated by two spaces or more.
func parseRow(line string) (r Row, err error) {
	cells := slices.DeleteFunc(strings.Split(strings.TrimSpace(line), "  "), func(cell string) bool { return strings.TrimSpace(cell) == "" })
	if len(cells) != 5 {
		return r, fmt.Errorf("%d cells instead of part, operation, database, statements and allocations", len(cells))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	r.Part, r.Operation, r.Database = cells[0], cells[1], cells[2]
	if r.Database != NoDatabase {
		if r.Statements, err = strconv.ParseFloat(cells[3], 64); err != nil {
			return r, err
		}
	}
	r.Allocations, err = strconv.ParseFloat(cells[4], 64)
	return r, err
}

// The order of the file's groups.
var (
	parts     = []string{"http", "store", "live"}
	databases = []string{"sqlite", "mysql", NoDatabase}
)

// replace writes a part's rows on one database anew, in the place of the old ones.
func (f *file) replace(part, database string, rows []Row) error {
	f.rows = slices.DeleteFunc(f.rows, func(r Row) bool { return r.Part == part && r.Database == database })
	f.rows = append(f.rows, rows...)
	slices.SortStableFunc(f.rows, func(a, b Row) int {
		return cmp.Or(slices.Index(parts, a.Part)-slices.Index(parts, b.Part), slices.Index(databases, a.Database)-slices.Index(databases, b.Database))
	})
	return os.WriteFile(f.path, []byte(f.text()), 0o644)
}

func (f *file) text() string {
	var b strings.Builder
	b.WriteString(heading)
	const format = "%-5s  %-44s  %-8s  %10s  %11s\n"
	fmt.Fprintf(&b, "\n"+format, "part", "operation", "database", "statements", "allocations")
	for i, r := range f.rows {
		if i > 0 && (f.rows[i-1].Part != r.Part || f.rows[i-1].Database != r.Database) {
			b.WriteString("\n")
		}
		statements := NoDatabase
		if r.Database != NoDatabase {
			statements = strconv.FormatFloat(r.Statements, 'f', -1, 64)
		}
		fmt.Fprintf(&b, format, r.Part, r.Operation, r.Database, statements, strconv.FormatFloat(r.Allocations, 'f', 0, 64))
	}
	return b.String()
}

// differences says, a line each, where what was measured is not what is expected.
func (f *file) differences(part, database string, measured []Row) (lines []string) {
	expected := map[string]Row{}
	for _, r := range f.rows {
		if r.Part == part && r.Database == database {
			expected[r.key()] = r
		}
	}
	for _, m := range measured {
		want, is := expected[m.key()]
		delete(expected, m.key())
		switch {
		case !is:
			lines = append(lines, fmt.Sprintf("%s is not in %s; make bench-update", m.key(), filepath.Base(f.path)))
			continue
		case m.Statements != want.Statements:
			lines = append(lines, fmt.Sprintf("%s: %v statements, %v are expected", m.key(), m.Statements, want.Statements))
		}
		if off := math.Abs(m.Allocations - want.Allocations); off > max(tolerance*want.Allocations, toleranceLeast) {
			lines = append(lines, fmt.Sprintf("%s: %.1f allocations, %.0f are expected", m.key(), m.Allocations, want.Allocations))
		}
	}
	for key := range expected {
		lines = append(lines, key+" is expected and was not measured")
	}
	slices.Sort(lines)
	return lines
}
