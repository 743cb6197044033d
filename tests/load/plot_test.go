//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestPlotIsDrawn(t *testing.T) {
	p := &plot{title: "costs < 1 & more", x: "size"}
	x := []float64{1, 10, 100}
	p.add("ms", plotCurve{name: "SQLite", x: x, y: []float64{1, 10, 100}})
	p.add("ms", plotCurve{name: "MariaDB", colour: 1, x: x, y: []float64{5, math.NaN(), 5}})
	p.add("a second", plotCurve{name: "SQLite", x: x, y: []float64{0, 0, 0}})
	drawn := p.svg()
	lines := polylines(t, drawn)
	if len(lines) != 3 {
		t.Fatalf("%d curves of 3:\n%s", len(lines), drawn)
	}
	// What grows as its cause is a straight line, upwards; a value that there is not, and a zero, are no points.
	points := lines[0]
	if len(points) != 3 {
		t.Fatalf("points %v", points)
	}
	a, b, c := points[0], points[1], points[2]
	if slope, next := (b[1]-a[1])/(b[0]-a[0]), (c[1]-b[1])/(c[0]-b[0]); slope >= 0 || math.Abs(slope-next) > 0.01 {
		t.Errorf("points %v have slopes %v and %v", points, slope, next)
	}
	if level := lines[1]; len(level) != 2 || level[0][1] != level[1][1] {
		t.Errorf("what does not grow is drawn as %v", level)
	}
	if len(lines[2]) != 0 {
		t.Errorf("zeros are drawn as %v", lines[2])
	}
}

// polylines reads the curves out of a document, which must be well-formed.
func polylines(t *testing.T, svg string) (lines [][][2]float64) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
		element, is := token.(xml.StartElement)
		if !is || element.Name.Local != "polyline" {
			continue
		}
		at := slices.IndexFunc(element.Attr, func(a xml.Attr) bool { return a.Name.Local == "points" })
		points := [][2]float64{}
		for _, pair := range strings.Fields(element.Attr[at].Value) {
			var p [2]float64
			if _, err := fmt.Sscanf(pair, "%f,%f", &p[0], &p[1]); err != nil {
				t.Fatal(err)
			}
			points = append(points, p)
		}
		lines = append(lines, points)
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		values, want []float64
	}{
		{[]float64{1, 1e5}, []float64{1, 10, 100, 1000, 10_000, 100_000}},
		{[]float64{30, 700}, []float64{50, 100, 200, 500}},
		{[]float64{7, 7}, []float64{2, 5, 10, 20}},
		{nil, []float64{1, 2, 5, 10}},
	} {
		if got := newLogAxis(c.values, 0, 100).ticks(); !slices.Equal(got, c.want) {
			t.Errorf("%v has ticks at %v, not %v", c.values, got, c.want)
		}
	}
}

func TestGrowthIsPointedOut(t *testing.T) {
	line := func(y ...float64) plotCurve { return plotCurve{name: "SQLite", x: []float64{10, 100, 1000}, y: y} }
	cost := curve{y: "ms", cost: true}
	if remark := steepest(line(1, 1.1, 100), cost); !strings.Contains(remark, "1.96th power from 100 to 1000") {
		t.Errorf("remark %q", remark)
	}
	for name, remark := range map[string]string{"level": steepest(line(3, 2, 3), cost), "a rate": steepest(line(1, 10, 100), curve{y: "a second"})} {
		if remark != "" {
			t.Errorf("%s: remark %q", name, remark)
		}
	}
}
