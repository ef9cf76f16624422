package benchlab

import (
	"errors"
	"math/rand"
	"strings"
	"testing"
)

// Benchmark has the program's work, for benchstat:
//
//	go test ./docs/benchmarks -run '^$' -bench . -count 10 | benchstat -col /by -
func (p Program) Benchmark(b *testing.B) {
	l := newLab(b.TempDir())
	b.Cleanup(func() {
		if err := l.end(); err != nil {
			b.Error(err)
		}
	})
	for _, w := range p.Work() {
		w := w
		b.Run("work="+slug(w), func(b *testing.B) {
			p.begin(b, l, w)
			runners, err := l.runners(w, rand.New(rand.NewSource(1)))
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range runners {
				if r.Name == Again {
					continue
				}
				r := r
				b.Run("by="+r.Name, r.benchmark)
			}
			l.close()
		})
	}
}

// begin makes a work's place ready, or skips where it may be absent.
func (p Program) begin(t testing.TB, l *lab, w *Work) {
	t.Helper()
	switch err := l.begin(w.Place); {
	case errors.Is(err, ErrAbsent) && !p.Required:
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// atOnce is how many ops are done before what they made is deleted.
const atOnce = 500

func (r Runner) benchmark(b *testing.B) {
	if err := r.run(1, func(run func()) { run() }); err != nil { // what is done once
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for done := 0; done < b.N; done += atOnce {
		n := b.N - done
		if n > atOnce {
			n = atOnce
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

// slug is a work's name without what benchstat reads otherwise.
func slug(w *Work) string {
	return strings.Join(strings.FieldsFunc(w.Group+" "+w.Name, func(r rune) bool {
		return r != '.' && (r < '0' || '9' < r && r < 'A' || 'Z' < r && r < 'a' || 'z' < r && r != '…')
	}), "-")
}
