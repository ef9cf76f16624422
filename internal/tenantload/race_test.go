//go:build race

package tenantload_test

func init() { raceDetector = true }
