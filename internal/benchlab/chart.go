package benchlab

import (
	"fmt"
	"html"
	"io"
	"math"
)

// The chart: a line for each work, from plain handles (1) to where the
// contenders are, with the least and the most of the plugin's sittings.
const (
	chartWidth  = 980
	labelWidth  = 430
	lineHeight  = 18
	headHeight  = 64
	chartLeast  = 0.8
	chartMost   = 1.6
	chartMargin = 24
)

type symbol struct{ name, color, shape string }

var symbols = []symbol{
	{Again, "#999999", "circle"},
	{Resolver, "#d95f02", "circle"},
	{Using, "#7570b3", "circle"},
	{Routed, "#1b9e77", "square"},
}

// at is where a ratio stands.
func at(ratio float64) float64 {
	ratio = math.Max(chartLeast, math.Min(chartMost, ratio))
	return labelWidth + (ratio-chartLeast)/(chartMost-chartLeast)*(chartWidth-labelWidth-chartMargin)
}

// chart writes what was measured as an SVG.
func chart(out io.Writer, results []result) error {
	lines, group := 0, ""
	for _, r := range results {
		if r.Group != group {
			lines, group = lines+1, r.Group
		}
		lines++
	}
	height := headHeight + lines*lineHeight + chartMargin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", chartWidth, height, chartWidth, height)
	fmt.Fprintf(out, `<rect width="%d" height="%d" fill="white"/>`+"\n", chartWidth, height)
	fmt.Fprintf(out, `<text x="8" y="18" font-size="13">Time as the ratio to plain handles: less is faster. What is beyond %.1f or %.1f is drawn there.</text>`+"\n", chartLeast, chartMost)
	for i, m := range symbols {
		x := 8 + 120*float64(i)
		m.draw(out, x+4, 34)
		fmt.Fprintf(out, `<text x="%.1f" y="38">%s</text>`+"\n", x+14, m.name)
	}
	fmt.Fprintf(out, `<path d="M500 30v8" stroke="#e31a1c" stroke-width="2"/><text x="508" y="38">budget</text>`+"\n")
	for tick := chartLeast; tick < chartMost+0.01; tick += 0.1 {
		color := "#dddddd"
		if math.Abs(tick-1) < 0.01 {
			color = "#666666"
		}
		fmt.Fprintf(out, `<path d="M%.1f %dV%d" stroke="%s"/><text x="%.1f" y="%d" text-anchor="middle">%.1f</text>`+"\n",
			at(tick), headHeight-4, height-chartMargin, color, at(tick), headHeight-8, tick)
	}
	y, group := float64(headHeight), ""
	for _, r := range results {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(out, `<text x="8" y="%.1f" font-weight="bold">%s</text>`+"\n", y+13, html.EscapeString(group))
			y += lineHeight
		}
		r.draw(out, y)
		y += lineHeight
	}
	_, err := fmt.Fprintln(out, "</svg>")
	return err
}

func (r result) draw(out io.Writer, y float64) {
	middle := y + lineHeight/2
	fmt.Fprintf(out, `<text x="20" y="%.1f">%s</text>`+"\n", middle+4, html.EscapeString(r.Name))
	own := r.ratio(Routed, Plain)
	fmt.Fprintf(out, `<path d="M%.1f %.1fH%.1f" stroke="#1b9e77"/>`+"\n", at(own.low), middle, at(own.high))
	limit := r.Budget.time
	if r.Budget.asRival {
		limit = r.ratio(r.rival(), Plain).medians + r.spread()
	}
	if limit > 0 {
		fmt.Fprintf(out, `<path d="M%.1f %.1fv8" stroke="#e31a1c" stroke-width="2"/>`+"\n", at(limit), middle-4)
	}
	for _, m := range symbols {
		if r.of(m.name) != nil {
			m.draw(out, at(r.ratio(m.name, Plain).medians), middle)
		}
	}
}

func (m symbol) draw(out io.Writer, x, y float64) {
	if m.shape == "square" {
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="7" height="7" fill="%s"/>`+"\n", x-3.5, y-3.5, m.color)
		return
	}
	fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s" fill-opacity="0.8"/>`+"\n", x, y, m.color)
}
