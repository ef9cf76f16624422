package main

import (
	"math/rand"
	"strings"
	"testing"
)

// Benchmark has the cases of the program, for benchstat:
//
//	go test ./docs/benchmarks -run '^$' -bench . -count 10 | benchstat -col /by -
func Benchmark(b *testing.B) {
	l, err := newLab(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range allWork() {
		w := w
		b.Run("work="+slug(w.group+" "+w.name), func(b *testing.B) {
			runners, err := l.runners(w, rand.New(rand.NewSource(1)))
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range runners {
				if r.name == again {
					continue
				}
				r := r
				b.Run("by="+r.name, r.benchmark)
			}
			l.close()
		})
	}
}

// most is how many ops are done before what they made is deleted.
const most = 500

func (r runner) benchmark(b *testing.B) {
	if err := r.run(1, func(run func()) { run() }); err != nil { // what is done once
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for done := 0; done < b.N; done += most {
		n := b.N - done
		if n > most {
			n = most
		}
		err := r.run(n, func(run func()) {
			b.StartTimer()
			run()
			b.StopTimer()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// slug is a name without what benchstat reads otherwise.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return r != '.' && (r < '0' || '9' < r && r < 'A' || 'Z' < r && r < 'a' || 'z' < r && r != '…')
	}), "-")
}
