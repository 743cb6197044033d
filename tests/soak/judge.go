//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

const (
	// What moves the gauges without a leak goes on for about so long: a collection of garbage and its sweep, a slow reader's pause, a
	// heartbeat, a checkpoint. Samples nearer to one another are not independent, and are worth one together.
	memory = 10 * time.Second
	// A rise has to be so many standard errors of the line's to count: one level series in a thousand is more.
	certainty = 3
	// Up to so many samples all pairs are looked at; their number grows with the square.
	densePairs = 200
	// The median of deviations times this is the standard deviation of a normal distribution.
	madToSigma = 1.4826
	// Until now caches still fill and the pools of buffers still settle: a run of a minute has not seen their bounds. So for this long
	// after the beginning of the load more is allowed, by this factor. A leak a call is beyond that within the minute all the same.
	settling     = 10 * time.Minute
	whileSettles = 4
)

// line is a straight line through samples, and how far they scatter around it.
type line struct{ slope, at0, sigma float64 }

// fit is Theil and Sen's line: the slope is the median of those between all pairs of samples, so that some outliers, or a step that
// goes back, move it little.
func fit(times, values []float64) line {
	if len(times) < 2 {
		return line{slope: math.NaN()}
	}
	var slopes []float64
	step := 1 + len(times)/densePairs // of a long series a part of the pairs tells as much
	for i := range times {
		for j := i + 1; j < len(times); j += step {
			if times[j] > times[i] {
				slopes = append(slopes, (values[j]-values[i])/(times[j]-times[i]))
			}
		}
	}
	l := line{slope: middle(slopes)}
	rests := make([]float64, len(values))
	for i, v := range values {
		rests[i] = v - l.slope*times[i]
	}
	l.at0 = middle(rests)
	for i := range rests {
		rests[i] = math.Abs(rests[i] - l.at0)
	}
	l.sigma = madToSigma * middle(rests)
	return l
}

// middle is the median; of many slopes a mean of the middle two would tell no more.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// verdict is a gauge's.
type verdict struct {
	first, last float64 // medians of the first and the last third
	slope       float64 // a minute
	rise        float64 // over all samples, along the line
	bound       float64
	level       bool
}

// judge tells whether a gauge is level: whether the line's rise over the samples is within what noise makes of a level series. The
// bound is the largest of three: what is nothing in any case (least), a share of the whole, and certainty × the standard error
// of a rise: sigma × √12 / √n for n independent samples at equal distances.
func judge(g gauge, times, values []float64) verdict {
	if len(times) < 3 {
		return verdict{rise: math.NaN()}
	}
	l, third := fit(times, values), len(values)/3
	span := times[len(times)-1] - times[0]
	independent := max(span/memory.Seconds(), 1)
	v := verdict{first: middle(values[:third]), last: middle(values[len(values)-third:]), slope: 60 * l.slope, rise: l.slope * span}
	allowed := max(g.least, g.share*middle(values))
	if times[len(times)-1] < settling.Seconds() {
		allowed *= whileSettles
	}
	v.bound = max(allowed, certainty*l.sigma*math.Sqrt(12/independent))
	v.level = v.rise <= v.bound
	return v
}
