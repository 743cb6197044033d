//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// aim is a figure that the server is meant to reach: of columns added up, by itself or divided by a floor's.
type aim struct {
	columns []string
	floor   string  // empty: by itself
	least   float64 // at least this, or
	most    float64 // at most this
}

// aims prints which aims were reached, a line each; nothing fails for one that was not.
func aims(w *workload, rows [][][]float64) string {
	var b strings.Builder
	for _, a := range w.aims {
		what := "server"
		if a.floor != "" {
			what += " ÷ " + a.floor
		}
		sign, bound := "≥", a.least
		if a.most > 0 {
			sign, bound = "≤", a.most
		}
		value := a.figure(w, rows)
		verdict := "missed"
		if sign == "≥" && value >= bound || sign == "≤" && value <= bound {
			verdict = "reached"
		}
		c := column{decimals: 2}
		if math.IsNaN(value) {
			continue
		}
		fmt.Fprintf(&b, "- aim, %s: %s %s %v: %s, %s\n", what, strings.Join(a.columns, " + "), sign, bound, c.number(value), verdict)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

// figure is the median of the rounds.
func (a aim) figure(w *workload, rows [][][]float64) float64 {
	var values []float64
	for round := range rows[0] {
		value := a.sum(w, rows[0][round])
		for i, s := range w.subjects {
			if a.floor != "" && s.name == a.floor {
				value /= a.sum(w, rows[i][round])
			}
		}
		values = append(values, value)
	}
	return median(values)
}

// sum leaves out what there is not: the database's process, where it is the server's own.
func (a aim) sum(w *workload, row []float64) float64 {
	total := math.NaN()
	for i, c := range w.columns {
		for _, name := range a.columns {
			if c.name == name && !math.IsNaN(row[i]) {
				if math.IsNaN(total) {
					total = 0
				}
				total += row[i]
			}
		}
	}
	return total
}
