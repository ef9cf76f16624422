package main

import "testing"

// Benchmark has the work of the program, for benchstat:
//
//	go test ./docs/benchmarks -run '^$' -bench . -count 10 | benchstat -col /by -
func Benchmark(b *testing.B) { program.Benchmark(b) }
