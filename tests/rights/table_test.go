package rights

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// caller is a column of the table.
type caller string

// The callers; table.txt says who they are.
const (
	nobody      caller = "nobody"
	appKey      caller = "appkey"
	stranger    caller = "stranger"
	former      caller = "former"
	member      caller = "member"
	creator     caller = "creator"
	master      caller = "master"
	acting      caller = "acting"
	expired     caller = "expired"
	ended       caller = "ended"
	otherClient caller = "otherclient"
	otherMaster caller = "othermaster"
)

// callers are all columns in their order.
func callers() []caller {
	return []caller{nobody, appKey, stranger, former, member, creator, master, acting, expired, ended, otherClient, otherMaster}
}

// cell is what a caller is answered.
type cell struct {
	status int    // 0: there is no such call
	code   string // of a problem
}

func (c cell) allowed() bool { return c.status >= 200 && c.status < 300 }

// row is what every caller of one operation is answered.
type row struct {
	operation string // "GET /v1/conversations/{id}"
	of        string // what it is done to
	cells     map[caller]cell
}

func (r row) key() string { return r.operation + " " + r.of }

// readTable reads table.txt, strictly.
func readTable(t testing.TB) (rows []row) {
	t.Helper()
	file, err := os.Open("table.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	codes, used, hasHead := map[string]string{}, map[string]bool{}, false
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || fields[0] == "#" || strings.HasPrefix(fields[0], "#"):
		case fields[0] == "code" && len(fields) == 3 && codes[fields[1]] == "":
			codes[fields[1]] = fields[2]
		case len(fields) == len(callers()):
			if hasHead = slices.EqualFunc(callers(), fields, func(c caller, f string) bool { return string(c) == f }); !hasHead {
				t.Fatalf("table.txt:%d: the columns are %v", n, fields)
			}
		case hasHead && len(fields) == 3+len(callers()):
			rows = append(rows, readRow(t, n, fields, codes, used))
		default:
			t.Fatalf("table.txt:%d is not understood: %s", n, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for mark, code := range codes {
		if !used[mark] {
			t.Errorf("table.txt explains %s, %s, and nobody is answered so", mark, code)
		}
	}
	return rows
}

func readRow(t testing.TB, n int, fields []string, codes map[string]string, used map[string]bool) row {
	t.Helper()
	r := row{operation: fields[0] + " " + fields[1], of: fields[2], cells: map[caller]cell{}}
	for i, c := range callers() {
		mark := fields[3+i]
		if mark == "-" {
			r.cells[c] = cell{}
			continue
		}
		used[mark] = true
		status, err := strconv.Atoi(mark[:min(3, len(mark))])
		r.cells[c] = cell{status, codes[mark]}
		if refused := status >= 400; err != nil || status < 200 || status > 499 || refused != (codes[mark] != "") {
			t.Fatalf("table.txt:%d: %s is not understood", n, mark)
		}
	}
	return r
}
