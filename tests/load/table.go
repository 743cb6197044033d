//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/tests/rig"
)

// table prints a workload's figures as a Markdown table: the median of the rounds with the lowest and the highest in
// parentheses, then the server divided by each floor, the median of the rounds' own ratios.
func table(w *workload, rows [][][]float64) string {
	head := []string{""}
	for _, c := range w.columns {
		head = append(head, c.name)
	}
	lines := [][]string{head}
	for i, s := range w.subjects {
		line := []string{s.name}
		for at, c := range w.columns {
			line = append(line, c.figure(columnOf(rows[i], at)))
		}
		lines = append(lines, line)
	}
	for i, floor := range w.subjects[1:] {
		if w.noFloor {
			break
		}
		line := []string{"server ÷ " + floor.name}
		for at, c := range w.columns {
			line = append(line, c.ratio(columnOf(rows[0], at), columnOf(rows[i+1], at)))
		}
		lines = append(lines, line)
	}
	return rig.Aligned(lines)
}

func columnOf(rounds [][]float64, at int) []float64 {
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = round[at]
	}
	return values
}

const nothing = "–"

func (c column) figure(values []float64) string {
	middle := median(values)
	if math.IsNaN(middle) {
		return nothing
	}
	text := c.number(middle)
	if len(values) > 1 {
		text += fmt.Sprintf(" (%s–%s)", c.number(slices.Min(values)), c.number(slices.Max(values)))
	}
	return text
}

func (c column) ratio(server, floor []float64) string {
	ratios := make([]float64, len(server))
	for i := range ratios {
		ratios[i] = server[i] / floor[i]
	}
	if middle := median(ratios); !c.noRatio && !math.IsNaN(middle) && !math.IsInf(middle, 0) {
		return fmt.Sprintf("**%.2f**", middle)
	}
	return nothing
}

// number writes 12345.6 as 12,346.
func (c column) number(value float64) string {
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(value, 'f', c.decimals, 64), ".")
	for at := len(whole) - 3; at > 0 && whole[at-1] != '-'; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

// median of values, the mean of the middle two when there is no middle one; NaN when there is none.
func median(values []float64) float64 {
	if len(values) == 0 || slices.ContainsFunc(values, math.IsNaN) {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentiles gives a function from a percentage to the nearest-rank percentile in milliseconds; NaN of nothing.
func percentiles(took []time.Duration) func(percent float64) float64 {
	slices.Sort(took)
	return func(percent float64) float64 {
		if len(took) == 0 {
			return math.NaN()
		}
		rank := int(math.Ceil(percent / 100 * float64(len(took))))
		return float64(took[max(rank, 1)-1].Nanoseconds()) / 1e6
	}
}
