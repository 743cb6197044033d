//go:build linux

package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// plot is one figure: panels beside one another over the same x axis, all axes logarithmic, so that what grows as its cause
// is a line of slope 1, and what does not grow a level one.
type plot struct {
	title  string
	x      string
	panels []plotPanel
}

type plotPanel struct {
	y      string
	curves []plotCurve
}

// plotCurve is a line; curves of the same colour are of the same database, dashed ones its second.
type plotCurve struct {
	name   string
	colour int
	dashed bool
	x, y   []float64
}

// The drawing's measures, in its own units.
const (
	panelWidth, panelHeight = 430, 300
	marginLeft, marginTop   = 62, 58
	marginRight             = 18
	marginBottom            = 76 // tick labels, axis name, legend
	markRadius              = 3
	// The title's place, and what a letter of it takes at the most.
	titleLeft, titleTop = 14, 24
	titleAdvance        = 9
)

// plotStyle has colours that are told apart in light and in dark, by the colour-blind too (Okabe and Ito's blue and orange).
const plotStyle = `<style>
svg { font: 12px system-ui, sans-serif; }
.paper { fill: #fff; } text { fill: #222; } .grid { stroke: #e3e3e3; } .frame { stroke: #777; fill: none; }
.curve { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 6 4; } .title { font-size: 15px; font-weight: 600; } .y { font-weight: 600; }
.c0 { stroke: #0072b2; } .m0 { fill: #0072b2; } .c1 { stroke: #d55e00; } .m1 { fill: #d55e00; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } text { fill: #e0e0e0; } .grid { stroke: #2a2f36; } .frame { stroke: #8a8f96; }
.c0 { stroke: #56b4e9; } .m0 { fill: #56b4e9; } .c1 { stroke: #e69f00; } .m1 { fill: #e69f00; }
}
</style>
`

// svg draws it, with its numbers as titles of the marks, which browsers show under the pointer.
func (p *plot) svg() string {
	var b strings.Builder
	width, height := max(len(p.panels)*panelWidth, utf8.RuneCountInString(p.title)*titleAdvance+2*titleLeft), panelHeight+marginTop
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n<title>%s</title>\n",
		width, height, width, height, html.EscapeString(p.title))
	b.WriteString(plotStyle)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="%d">%s</text>`+"\n", titleLeft, titleTop, html.EscapeString(p.title))
	for i, panel := range p.panels {
		panel.draw(&b, float64(i*panelWidth), p.x)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p *plotPanel) draw(b *strings.Builder, left float64, xName string) {
	across := newLogAxis(p.values(func(c plotCurve) []float64 { return c.x }), left+marginLeft, left+panelWidth-marginRight)
	up := newLogAxis(p.values(func(c plotCurve) []float64 { return c.y }), panelHeight+marginTop-marginBottom, marginTop)
	for _, tick := range p.sizes() {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, across.at(tick), up.from, across.at(tick), up.to)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", across.at(tick), up.from+17, short(tick))
	}
	for _, tick := range up.ticks() {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, across.from, up.at(tick), across.to, up.at(tick))
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", across.from-6, up.at(tick)+4, short(tick))
	}
	fmt.Fprintf(b, `<rect class="frame" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", across.from, up.to, across.to-across.from, up.from-up.to)
	fmt.Fprintf(b, `<text class="y" x="%.1f" y="%.1f">%s</text>`, across.from, up.to-8, html.EscapeString(p.y))
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", (across.from+across.to)/2, up.from+35, html.EscapeString(xName))
	for i, c := range p.curves {
		c.draw(b, across, up)
		c.legend(b, across.from+float64(i%2)*170, up.from+52+float64(i/2)*16)
	}
}

// sizes are those that were measured: each is a tick.
func (p *plotPanel) sizes() []float64 {
	all := p.values(func(c plotCurve) []float64 { return c.x })
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *plotPanel) values(of func(plotCurve) []float64) (all []float64) {
	for _, c := range p.curves {
		all = append(all, of(c)...)
	}
	return all
}

func (c *plotCurve) class() string {
	class := fmt.Sprintf("curve c%d", c.colour)
	if c.dashed {
		class += " dashed"
	}
	return class
}

func (c *plotCurve) draw(b *strings.Builder, across, up logAxis) {
	var points, marks strings.Builder
	for i, x := range c.x {
		if !drawable(c.y[i]) {
			continue
		}
		fmt.Fprintf(&points, "%.1f,%.1f ", across.at(x), up.at(c.y[i]))
		fmt.Fprintf(&marks, `<circle class="m%d" cx="%.1f" cy="%.1f" r="%d"><title>%s at %s: %.4g</title></circle>`,
			c.colour, across.at(x), up.at(c.y[i]), markRadius, html.EscapeString(c.name), short(x), c.y[i])
	}
	fmt.Fprintf(b, `<polyline class="%s" points="%s"/>%s`+"\n", c.class(), strings.TrimSpace(points.String()), marks.String())
}

func (c *plotCurve) legend(b *strings.Builder, x, y float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, c.class(), x, y-4, x+24, y-4)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`+"\n", x+30, y, html.EscapeString(c.name))
}

// drawable: a logarithm has no zero.
func drawable(value float64) bool { return value > 0 && !math.IsInf(value, 0) }

// logAxis places values between two positions.
type logAxis struct {
	least, most float64 // decimal logarithms
	from, to    float64
}

// newLogAxis reaches over the values, and over a decade at least, so that a level line looks level.
func newLogAxis(values []float64, from, to float64) logAxis {
	a := logAxis{least: math.Inf(1), most: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		if drawable(v) {
			a.least, a.most = min(a.least, math.Log10(v)), max(a.most, math.Log10(v))
		}
	}
	if a.least > a.most { // nothing to draw
		a.least, a.most = 0, 1
	}
	const room = 0.08 // above and below, in decades
	a.least, a.most = a.least-room, a.most+room
	if lacking := 1.2 - (a.most - a.least); lacking > 0 {
		a.least, a.most = a.least-lacking/2, a.most+lacking/2
	}
	return a
}

func (a logAxis) at(value float64) float64 {
	return a.from + (math.Log10(value)-a.least)/(a.most-a.least)*(a.to-a.from)
}

// ticks are the powers of ten, and on a short axis their twofold and fivefold.
func (a logAxis) ticks() (ticks []float64) {
	steps := []float64{1}
	if a.most-a.least < 2.2 {
		steps = []float64{1, 2, 5}
	}
	for power := math.Floor(a.least); power <= a.most; power++ {
		for _, step := range steps {
			if log := power + math.Log10(step); log >= a.least && log <= a.most {
				ticks = append(ticks, step*math.Pow(10, power))
			}
		}
	}
	return ticks
}

// short writes 20000 as 20 k.
func short(value float64) string {
	switch {
	case value >= 1e6:
		return fmt.Sprintf("%.4g M", value/1e6)
	case value >= 1e4:
		return fmt.Sprintf("%.4g k", value/1e3)
	}
	return fmt.Sprintf("%.4g", value)
}
