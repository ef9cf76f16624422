package bindtest

// TB is what the kit asks of a test. [testing.T], [testing.B] and [testing.F]
// have it.
type TB interface {
	Helper()
	Name() string
	Cleanup(func())
	TempDir() string
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}
