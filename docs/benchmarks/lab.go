package main

import (
	"fmt"
	"os"
)

// A lab has the contenders of each setup, opened once.
type lab struct {
	dir, seeded string
	contenders  map[setup][]*contender
}

func newLab(dir string) (*lab, error) {
	seeded, err := seed(dir)
	return &lab{dir, seeded, map[setup][]*contender{}}, err
}

// runners are the contenders of a work with their tasks.
func (l *lab) runners(w *work) ([]runner, error) {
	if w.runners != nil {
		return w.runners()
	}
	contenders, err := l.open(w.setup)
	if err != nil {
		return nil, err
	}
	var runners []runner
	for _, c := range contenders {
		if _, left := w.left[c.name]; left {
			continue
		}
		r := runner{name: c.name}
		for i := 0; i < w.goroutines; i++ {
			r.tasks = append(r.tasks, w.make(c))
		}
		runners = append(runners, r)
	}
	return runners, nil
}

func (l *lab) open(s setup) ([]*contender, error) {
	if opened, ok := l.contenders[s]; ok {
		return opened, nil
	}
	var opened []*contender
	for _, name := range contenderNames {
		if s.mixed && (name == resolver || name == using) {
			continue
		}
		dir, err := os.MkdirTemp(l.dir, "")
		if err != nil {
			return nil, err
		}
		c, err := open(name, s, dir, l.seeded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		opened = append(opened, c)
	}
	l.contenders[s] = opened
	return opened, nil
}

func (l *lab) close() {
	for _, contenders := range l.contenders {
		for _, c := range contenders {
			_ = c.close()
		}
	}
}
