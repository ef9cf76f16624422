package testkit

import "os"

// Full reports whether the generated suites run in full: with GORMBIND_FULL=1,
// as .ci/run sets it. Otherwise they run a sample.
func Full() bool { return os.Getenv("GORMBIND_FULL") == "1" }

// Runs reports whether case i of n runs in mode m of some modes. In full, each
// does in each. In a sample, all run in the first mode and each in one of the
// others, in turn, so that no mode is without a case.
func Runs(i, n, m, modes int) bool {
	return Full() || m == 0 || i%(modes-1) == m-1 || (m-1)%n == i
}
