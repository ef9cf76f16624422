//go:build race

package bindkey_test

func init() { raceDetector = true }
