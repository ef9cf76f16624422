package testkit

import (
	"fmt"
	"testing"
)

func TestRuns(t *testing.T) {
	for _, full := range []string{"", "1"} {
		t.Setenv("GORMBIND_FULL", full)
		for _, n := range []int{1, 2, 3, 10, 43} {
			for _, modes := range []int{1, 2, 3, 11} {
				t.Run(fmt.Sprint(full, " ", n, " in ", modes), func(t *testing.T) {
					all := 0
					for m := 0; m < modes; m++ {
						cases := 0
						for i := 0; i < n; i++ {
							if Runs(i, n, m, modes) {
								cases++
							}
						}
						if cases == 0 || m == 0 && cases != n {
							t.Errorf("mode %d runs %d cases", m, cases)
						}
						all += cases
					}
					most := n + max(n, modes-1)
					if full != "" {
						most = n * modes
					}
					if full != "" && all != most || all > most {
						t.Errorf("%d runs, want %d", all, most)
					}
				})
			}
		}
	}
}
