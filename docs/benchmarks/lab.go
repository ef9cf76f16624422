package main

import (
	"fmt"
	"math/rand"
	"os"
)

// A lab opens contenders, on copies of one file.
type lab struct {
	dir, seeded string
	opened      []*contender
}

func newLab(dir string) (*lab, error) {
	seeded, err := seed(dir)
	return &lab{dir: dir, seeded: seeded}, err
}

// runners are the contenders of a work with their tasks, opened anew and in a
// random order: where their memory and files come to lie is then another's luck
// the next time.
func (l *lab) runners(w *work, random *rand.Rand) ([]runner, error) {
	if w.runners != nil {
		return w.runners()
	}
	contenders, err := l.open(w, random.Perm(len(contenderNames)))
	if err != nil {
		return nil, err
	}
	var runners []runner
	for _, c := range contenders {
		r := runner{name: c.name}
		for i := 0; i < w.goroutines; i++ {
			r.tasks = append(r.tasks, w.make(c))
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// open opens the contenders of a work, in some order, and tells them in that of
// their names.
func (l *lab) open(w *work, order []int) ([]*contender, error) {
	contenders := make([]*contender, len(contenderNames))
	for _, i := range order {
		name := contenderNames[i]
		if _, left := w.left[name]; left {
			continue
		}
		dir, err := os.MkdirTemp(l.dir, "")
		if err != nil {
			return nil, err
		}
		c, err := open(name, w.setup, dir, l.seeded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		contenders[i] = c
		l.opened = append(l.opened, c)
	}
	var opened []*contender
	for _, c := range contenders {
		if c != nil {
			opened = append(opened, c)
		}
	}
	return opened, nil
}

// close closes the contenders that were opened since the last time.
func (l *lab) close() {
	for _, c := range l.opened {
		_ = c.close()
	}
	l.opened = nil
}
