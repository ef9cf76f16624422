package main

import (
	"math"
	"sort"
)

// quantile is the value that so large a part of the values is below.
func quantile(values []float64, part float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := part * float64(len(sorted)-1)
	below := int(at)
	if below+1 == len(sorted) {
		return sorted[below]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// A ratio compares two series of the same rounds.
type ratio struct {
	medians       float64 // of one median to the other
	quarter, most float64 // the quartiles of the rounds' ratios
	low, high     float64 // where the median of the rounds' ratios is, at 95 %
}

func ratioOf(times, base []float64) ratio {
	rounds := make([]float64, len(times))
	for i := range times {
		rounds[i] = times[i] / base[i]
	}
	// The median's interval by rank: half of the rounds ± 0.98 √rounds.
	rank := 0.98 / math.Sqrt(float64(len(rounds)))
	return ratio{
		medians: median(times) / median(base),
		quarter: quantile(rounds, 0.25), most: quantile(rounds, 0.75),
		low: quantile(rounds, math.Max(0, 0.5-rank)), high: quantile(rounds, math.Min(1, 0.5+rank)),
	}
}
