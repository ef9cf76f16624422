package benchlab

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What stands at the top of the page: common statements on each kind of
// database, as the tables of the page have them.
var (
	commonPlaces = []string{"SQLite", "PostgreSQL", "MariaDB"}
	commonWork   = []struct{ title, group, name string }{
		{"First", "%s", "First"},
		{"Find, 100 rows", "%s", "Find 100 rows"},
		{"Create", "%s", "Create"},
		{"Update", "%s", "Update"},
		{"Delete", "%s", "Delete"},
		{"Create in a transaction", "Transactions, %s", "Create, default bind"},
		{"Create on two binds, one transaction", "Transactions, %s", "Create on two binds; plain: two transactions"},
		{"Preload from another bind", "%s", "Preload across binds; plain: two queries"},
	}
)

// Summarize writes the result at the top of a page, from the tables that stand
// on it. It changes nothing where the page is as a program has left it.
func Summarize(page string) (string, error) {
	all := readTables(page)
	var text bytes.Buffer
	fmt.Fprintln(&text, sentence(all))
	fmt.Fprintln(&text)
	common := table{columns: []string{"beside plain handles"}}
	for _, place := range commonPlaces {
		common.columns = append(common.columns, place+", plain", "dbresolver", "bindkey")
	}
	for _, w := range commonWork {
		row := []string{w.title}
		for _, place := range commonPlaces {
			measured := all[fmt.Sprintf(w.group, place)][w.name]
			row = append(row, orDash(measured["plain"]), percent(measured["dbresolver"]), percent(measured["bindkey"]))
		}
		common.rows = append(common.rows, row)
	}
	if err := common.lines(&text); err != nil {
		return "", err
	}
	return replace(page, resultSection, text.String())
}

// sentence tells in words what a reader wants to know first.
func sentence(all map[string]map[string]map[string]string) string {
	var places []string
	farthest := 0.0
	for _, place := range commonPlaces {
		var own, rivals []float64
		for _, w := range commonWork {
			measured := all[fmt.Sprintf(w.group, place)][w.name]
			if again, ok := number(measured["again"]); ok {
				farthest = math.Max(farthest, math.Abs(again-1))
			}
			if w.group != "%s" || strings.HasPrefix(w.name, "Preload") {
				continue // not one statement
			}
			if ratio, ok := number(measured["bindkey"]); ok {
				own = append(own, ratio)
			}
			if ratio, ok := number(measured["dbresolver"]); ok {
				rivals = append(rivals, ratio)
			}
		}
		if len(own) > 0 && len(rivals) > 0 {
			places = append(places, fmt.Sprintf("%s with bindkey and %s with dbresolver on %s", between(own), between(rivals), place))
		}
	}
	if len(places) == 0 {
		return "Nothing has been measured yet."
	}
	met, unmet := 0, 0
	for _, group := range all {
		for _, measured := range group {
			switch {
			case strings.HasPrefix(measured["met"], "yes"):
				met++
			case strings.HasPrefix(measured["met"], "no"):
				unmet++
			}
		}
	}
	return fmt.Sprintf("Beside plain handles, one for each database, a common statement takes this much more time: %s. "+
		"Plain handles that are measured twice differ by up to %.1f %%. Of %d budgets, %d are met.",
		strings.Join(places, "; "), 100*farthest, met+unmet, met)
}

// readTables reads what [table.markdown] has written: group, work, column.
func readTables(page string) map[string]map[string]map[string]string {
	all := map[string]map[string]map[string]string{}
	group, columns := "", []string(nil)
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "#") {
			group, columns = strings.TrimSpace(strings.TrimLeft(line, "#")), nil
		}
		inner, begins := strings.CutPrefix(line, "| ")
		inner, ends := strings.CutSuffix(inner, " |")
		if !begins || !ends {
			continue
		}
		cells := strings.Split(inner, " | ")
		switch {
		case columns == nil:
			columns = cells
		case columns[0] == "work" && len(cells) == len(columns):
			measured := map[string]string{}
			for i, cell := range cells {
				measured[columns[i]] = cell
			}
			if all[group] == nil {
				all[group] = map[string]map[string]string{}
			}
			all[group][cells[0]] = measured
		}
	}
	return all
}

func number(cell string) (float64, bool) {
	value, err := strconv.ParseFloat(cell, 64)
	return value, err == nil
}

// percent is a ratio as what it takes more.
func percent(cell string) string {
	ratio, ok := number(cell)
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%+.1f %%", 100*(ratio-1))
}

func between(ratios []float64) string {
	low, high := quantile(ratios, 0), quantile(ratios, 1)
	return fmt.Sprintf("%.1f to %.1f %%", 100*(low-1), 100*(high-1))
}

func orDash(cell string) string {
	if cell == "" {
		return "–"
	}
	return cell
}
