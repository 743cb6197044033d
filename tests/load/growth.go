//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"parley/tests/openfiles"
	"parley/tests/rig"
)

// growthCommand asks how what is measured grows with its size, on both databases, and draws it.
const growthCommand = "growth"

// study varies one size. At each, it measures what some figures show.
type study struct {
	name, x string
	sizes   []int
	figures []*figure
	// measure gives, for each size, a value a curve in the order of the figures; done is told after each.
	measure func(ctx context.Context, sizes []int, done func(size int)) ([][]float64, error)
}

// figure is one question, answered by a plot and a table.
type figure struct {
	name   string // of the file
	title  string
	curves []curve
}

// curve is one line a database. Curves with the same y share a panel.
type curve struct {
	y    string
	name string // empty: the only one of its panel
	// cost: it should not grow with the size; what does is pointed out.
	cost bool
}

// growth are the settings of the sub-command.
type growth struct {
	options
	out    string
	most   int
	sample time.Duration
	wanted []string
}

// runGrowth is the sub-command: 0 when all was measured, 1 otherwise, 2 for a wrong call.
func runGrowth(args []string, stdout, stderr io.Writer) int {
	g, err := parseGrowth(args, stderr)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := g.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 1
	}
	return 0
}

var studyNames = []string{"callers", "conversations", "streams", "stored"}

func parseGrowth(args []string, stderr io.Writer) (*growth, error) {
	g := &growth{options: options{rounds: 1, bytes: 200, window: 16, clients: 1000, warmUp: 300 * time.Millisecond}}
	flags := flag.NewFlagSet("load growth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: go run ./tests/load growth [flags] [%s]...\nWithout a study all of them run.\n", strings.Join(studyNames, "|"))
		flags.PrintDefaults()
	}
	flags.StringVar(&g.mysql, "mysql", "", "a `mysql://` server URL, measured beside SQLite")
	flags.StringVar(&g.out, "out", "", "a `folder` into which the plots are written as growth-….svg")
	flags.IntVar(&g.most, "most", 1_000_000, "leave out sizes over this; the smallest of a study always stays")
	flags.DurationVar(&g.sample, "sample", 700*time.Millisecond, "each point is the median of three such times")
	flags.StringVar(&g.profile, "profile", "", "a `folder` for a CPU profile of the server at each point (of the last database)")
	flags.IntVar(&g.clients, "clients", 1000, "callers, stored: clients of the pairs")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if g.wanted = flags.Args(); len(g.wanted) == 0 {
		g.wanted = studyNames
	}
	var err error
	for _, name := range g.wanted {
		if !slices.Contains(studyNames, name) {
			err = fmt.Errorf("%q is no study; there are %s", name, strings.Join(studyNames, ", "))
		}
	}
	if g.sample <= 0 || g.clients < 2 || g.clients > rig.MaxStreams {
		err = errors.New("a count or a time is too small or too large")
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
	}
	return g, err
}

// growthFiles: ten thousand streams, or a few hundred callers of each kind beside a thousand.
const growthFiles = 15_000

// studyTimeout: filling ten million messages takes most of it.
const studyTimeout = time.Hour

func (g *growth) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := openfiles.Allow(growthFiles); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, studyTimeout)
	defer cancel()
	b, err := newBench(ctx, &g.options)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	machine := b.machine(ctx)
	fmt.Fprintln(stdout, machine)
	databases := []string{sqliteName}
	if g.mysql != "" {
		databases = append(databases, "MySQL")
		if strings.Contains(machine, "MariaDB") {
			databases[1] = "MariaDB"
		}
	}
	for _, name := range g.wanted {
		var shown *study
		var results [][][]float64 // by database, size and curve
		for _, database := range databases {
			s := g.study(b.on(database), name)
			sizes := g.sizes(s)
			values, err := s.measure(ctx, sizes, func(size int) { fmt.Fprintf(stderr, "load: growth: %s: %s: %d\n", name, database, size) })
			if err != nil {
				return fmt.Errorf("%s on %s: %w", name, database, err)
			}
			shown, results = s, append(results, values)
		}
		if err := g.show(shown, databases, results, stdout); err != nil {
			return err
		}
	}
	return nil
}

const sqliteName = "SQLite"

// on is the same bench on one of the databases.
func (b *bench) on(database string) *bench {
	o := *b.options
	if database == sqliteName {
		o.mysql = ""
	}
	return &bench{options: &o, dir: b.dir, server: b.server, self: b.self}
}

func (g *growth) study(b *bench, name string) *study {
	switch name {
	case "callers":
		return g.callers(b)
	case "conversations":
		return g.conversations(b)
	case "streams":
		return g.streamsOf(b)
	default:
		return g.stored(b)
	}
}

func (g *growth) sizes(s *study) []int {
	return slices.DeleteFunc(slices.Clone(s.sizes), func(size int) bool { return size > g.most && size != s.sizes[0] })
}

// show prints a table a figure and writes its plot.
func (g *growth) show(s *study, databases []string, results [][][]float64, stdout io.Writer) error {
	sizes := g.sizes(s)
	at := 0
	for _, f := range s.figures {
		lines := [][]string{{s.x}}
		p := &plot{title: f.title, x: s.x}
		for _, size := range sizes {
			lines = append(lines, []string{column{}.number(float64(size))})
		}
		var remarks []string
		for i, c := range f.curves {
			for d, database := range databases {
				line := plotCurve{name: strings.TrimSpace(database + " " + c.name), colour: d, dashed: i > 0 && f.curves[i-1].y == c.y}
				lines[0] = append(lines[0], line.name+", "+c.y)
				for n, size := range sizes {
					value := results[d][n][at+i]
					line.x, line.y = append(line.x, float64(size)), append(line.y, value)
					lines[n+1] = append(lines[n+1], significant(value))
				}
				p.add(c.y, line)
				if remark := steepest(line, c); remark != "" {
					remarks = append(remarks, remark)
				}
			}
		}
		at += len(f.curves)
		fmt.Fprintf(stdout, "\n%s\n\n%s", f.title, rig.Aligned(lines))
		if len(remarks) > 0 {
			fmt.Fprintf(stdout, "\n%s\n", strings.Join(remarks, "\n"))
		}
		if g.out == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(g.out, "growth-"+f.name+".svg"), []byte(p.svg()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// significant writes three digits, or a whole number.
func significant(value float64) string {
	if math.IsNaN(value) {
		return nothing
	}
	decimals := 0
	for most := 100.0; decimals < 3 && math.Abs(value) < most; most /= 10 {
		decimals++
	}
	return column{decimals: decimals}.number(value)
}

func (p *plot) add(y string, c plotCurve) {
	for i := range p.panels {
		if p.panels[i].y == y {
			p.panels[i].curves = append(p.panels[i].curves, c)
			return
		}
	}
	p.panels = append(p.panels, plotPanel{y: y, curves: []plotCurve{c}})
}

// remarkable is a slope, in a plot with logarithmic axes, that a cost a piece must not have for long: 0.3 doubles it when the
// size becomes ten times as large.
const remarkable = 0.3

// steepest points out where a cost grows.
func steepest(line plotCurve, c curve) string {
	if !c.cost {
		return ""
	}
	most, where := remarkable, 0
	for i := 1; i < len(line.x); i++ {
		slope := math.Log(line.y[i]/line.y[i-1]) / math.Log(line.x[i]/line.x[i-1])
		if slope > most {
			most, where = slope, i
		}
	}
	if where == 0 {
		return ""
	}
	return fmt.Sprintf("- %s, %s: grows with the %.2fth power from %s to %s", line.name, c.y, most, short(line.x[where-1]), short(line.x[where]))
}
