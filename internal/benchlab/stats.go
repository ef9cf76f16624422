package benchlab

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

// A ratio compares two series of the same rounds, in several sittings.
type ratio struct {
	medians       float64 // of one median to the other: the median of the sittings
	low, high     float64 // the least and the most of them
	quarter, most float64 // the quartiles of the rounds' own ratios
}

func ratioOf(times, base [][]float64) ratio {
	var sittings, rounds []float64
	for i := range times {
		sittings = append(sittings, median(times[i])/median(base[i]))
		for j := range times[i] {
			rounds = append(rounds, times[i][j]/base[i][j])
		}
	}
	return ratio{
		medians: median(sittings), low: quantile(sittings, 0), high: quantile(sittings, 1),
		quarter: quantile(rounds, 0.25), most: quantile(rounds, 0.75),
	}
}

// middle is the median of the sittings' medians.
func middle(times [][]float64) float64 {
	var medians []float64
	for _, sitting := range times {
		medians = append(medians, median(sitting))
	}
	return median(medians)
}
