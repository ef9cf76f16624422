package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A tally is what the crashes of one world came to.
type tally struct {
	crashes map[role]int
	told    map[string]int // outcomes, of all transactions
	did     map[string]int // what recovery did, branch by branch
	both    int            // crashes after which two processes recovered at once
	wrong   []string
}

// run crashes each world about equally often, and fails if something was wrong.
func run(out io.Writer, crashes int, seed int64, onePhase bool, worlds [][]string) error {
	began := time.Now()
	rng := rand.New(rand.NewSource(seed))
	var wrong []string
	all := 0
	for i, products := range worlds {
		share := (crashes - all + len(worlds) - i - 1) / (len(worlds) - i)
		t, err := crashWorld(products, share, onePhase, rng)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(products, ", "), err)
		}
		n := 0
		for _, of := range t.crashes {
			n += of
		}
		all += n
		fmt.Fprintf(out, "%-28s %4d crashes (%s), %d with two recoveries at once; told: %s; recovery: %s; wrong: %d\n",
			strings.Join(products, ", "), n, list(t.crashes), t.both, list(t.told), list(t.did), len(t.wrong))
		wrong = append(wrong, t.wrong...)
	}
	fmt.Fprintf(out, "%d crashes in %v, %d wrong\n", all, time.Since(began).Round(time.Second), len(wrong))
	if len(wrong) > 0 {
		return fmt.Errorf("twophase:\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}

func list[K ~string](counts map[K]int) string {
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %d", string(name), n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// verbose tells of each crash.
var verbose bool

// A point is one crash.
type point struct {
	role role
	at   int
}

func crashWorld(products []string, crashes int, onePhase bool, rng *rand.Rand) (t *tally, err error) {
	t = &tally{crashes: map[role]int{}, told: map[string]int{}, did: map[string]int{}}
	w, err := newWorld(products)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var recoverers []*recoverer
	defer func() {
		for _, r := range recoverers {
			err = errors.Join(err, r.stop())
		}
	}()
	for len(recoverers) < 2 {
		r, err := startRecoverer(w)
		if err != nil {
			return nil, err
		}
		recoverers = append(recoverers, r)
	}
	first := int64(1)
	counted, err := runVictim(order{World: w, Role: counts, First: first, OnePhase: onePhase}, nil, 0)
	if err != nil {
		return nil, err
	}
	if counted.calls == 0 {
		return nil, errors.New("a transaction makes no calls")
	}
	if t.wrong, err = judge(w, counted); err != nil {
		return nil, err
	}
	for i, p := range points(counted.calls, crashes, rng) {
		first += 1000
		o := order{World: w, Role: p.role, First: first, At: p.at, OnePhase: onePhase}
		v, err := runVictim(o, recoverers, time.Duration(rng.Intn(40_000))*time.Microsecond)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", p.role, p.at, err)
		}
		at := recoverers[:1+i%2]
		t.crashes[p.role]++
		t.both += len(at) - 1
		for _, one := range v.told {
			t.told[one]++
		}
		if verbose {
			fmt.Fprintf(os.Stderr, "%s %d, told %v\n", p.role, p.at, v.told)
		}
		if err := settle(w, at, t); err != nil {
			return nil, fmt.Errorf("%s %d: %w", p.role, p.at, err)
		}
		wrong, err := judge(w, v)
		if err != nil {
			return nil, err
		}
		for _, text := range wrong {
			t.wrong = append(t.wrong, fmt.Sprintf("%s, %s at call %d of %d: %s", strings.Join(products, ", "), p.role, p.at, counted.calls, text))
		}
	}
	return t, nil
}

// points are so many crashes: at each call in each way if there are enough, and then at
// random moments; or else a selection.
func points(calls, crashes int, rng *rand.Rand) (all []point) {
	for at := 1; at <= calls; at++ {
		for _, r := range []role{dies, diesIn, stops, isCut} {
			all = append(all, point{r, at})
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if len(all) > crashes*9/10 {
		all = all[:crashes*9/10]
	}
	for len(all) < crashes {
		all = append(all, point{role: works})
	}
	return all
}

// A victim is what is known of a coordinator.
type victim struct {
	begun []int64
	told  map[int64]string
	said  map[int64]string // the errors
	calls int
}

// runVictim starts a coordinator, and waits until it has ended. One that works is killed
// after a while; one that stops goes on once the recoverers have been there.
func runVictim(o order, recoverers []*recoverer, alive time.Duration) (*victim, error) {
	child, out, _, err := start(o)
	if err != nil {
		return nil, err
	}
	v := &victim{told: map[int64]string{}, said: map[int64]string{}}
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var id int64
		line := lines.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "begins":
			_, _ = fmt.Sscan(rest, &id)
			v.begun = append(v.begun, id)
			if o.Role == works && kill == nil {
				kill = time.AfterFunc(alive, func() { _ = child.Process.Kill() })
			}
		case "told":
			var outcome, text string
			_, _ = fmt.Sscanf(rest, "%d %s %q", &id, &outcome, &text)
			v.told[id], v.said[id] = outcome, text
		case "calls":
			_, _ = fmt.Sscan(rest, &v.calls)
		case "stops":
			if err := awaitStop(child.Process.Pid); err != nil {
				return nil, err
			}
			if _, err := ask(recoverers); err != nil {
				return nil, err
			}
			_ = child.Process.Signal(syscall.SIGCONT)
		}
	}
	err = child.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		err = nil
	}
	return v, err
}

func start(o order) (*exec.Cmd, io.ReadCloser, io.WriteCloser, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childVariable+"="+string(text))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	in, err := child.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return child, out, in, child.Start()
}

// awaitStop waits until a process is stopped.
func awaitStop(pid int) error {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		if _, rest, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(rest, "T") {
			return nil
		}
	}
	return errors.New("the process does not stop")
}

// A recoverer is a process that recovers when it is told.
type recoverer struct {
	child *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

func startRecoverer(w *world) (*recoverer, error) {
	child, out, in, err := start(order{World: w, Role: recovers})
	if err != nil {
		return nil, err
	}
	r := &recoverer{child, in, bufio.NewReader(out)}
	_, err = r.out.ReadString('\n')
	return r, err
}

func (r *recoverer) stop() error {
	_ = r.in.Close()
	return r.child.Wait()
}

func (r *recoverer) once() (answer recovered, err error) {
	if _, err = fmt.Fprintln(r.in); err != nil {
		return answer, err
	}
	line, err := r.out.ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), &answer)
	}
	return answer, err
}

// ask has recoverers recover at once.
func ask(recoverers []*recoverer) (all []recovered, err error) {
	answers, failures := make([]recovered, len(recoverers)), make([]error, len(recoverers))
	var asking sync.WaitGroup
	for i, r := range recoverers {
		i, r := i, r
		asking.Add(1)
		go func() {
			defer asking.Done()
			answers[i], failures[i] = r.once()
		}()
	}
	asking.Wait()
	return answers, errors.Join(failures...)
}
