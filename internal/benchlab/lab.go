package benchlab

import (
	"errors"
	"fmt"
	"math/rand"
)

// A lab opens contenders where their work wants them.
type lab struct {
	dir    string
	begun  map[Place]error // what Begin said
	opened []*Contender
}

func newLab(dir string) *lab { return &lab{dir: dir, begun: map[Place]error{}} }

// begin makes a place ready, once.
func (l *lab) begin(place Place) error {
	if place == nil {
		return nil
	}
	err, asked := l.begun[place]
	if !asked {
		err = place.Begin(l.dir)
		l.begun[place] = err
	}
	return err
}

// end closes what is open, and takes away what the places have made.
func (l *lab) end() error {
	l.close()
	var failures []error
	for place := range l.begun {
		failures = append(failures, place.End())
	}
	return errors.Join(failures...)
}

// runners are the contenders of a work with their tasks, opened anew and in a
// random order: where their memory and databases come to lie is then another's
// luck the next time.
func (l *lab) runners(w *Work, random *rand.Rand) ([]Runner, error) {
	if w.Runners != nil {
		return w.Runners()
	}
	contenders, err := l.open(w, random.Perm(len(contenderNames)))
	if err != nil {
		return nil, err
	}
	var runners []Runner
	for _, c := range contenders {
		r := Runner{Name: c.Name}
		for i := 0; i < w.goroutines(); i++ {
			r.Tasks = append(r.Tasks, w.Make(c))
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// open opens the contenders of a work, in some order, and tells them in that of
// their names.
func (l *lab) open(w *Work, order []int) ([]*Contender, error) {
	contenders := make([]*Contender, len(contenderNames))
	for turn, i := range order {
		name := contenderNames[i]
		if _, left := w.Left[name]; left {
			continue
		}
		c, err := open(name, w, turn)
		if c != nil {
			l.opened = append(l.opened, c)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		contenders[i] = c
	}
	var opened []*Contender
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
