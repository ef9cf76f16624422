package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	_ "github.com/gormbind/gormbind/config/mysql"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A tenantWorld is a folder with databases of tenants, and a configuration of them.
type tenantWorld struct {
	*testing.T
	dir string
}

func newTenantWorld(t *testing.T, binds string, tenants ...string) *tenantWorld {
	w := &tenantWorld{t, t.TempDir()}
	write(t, filepath.Join(w.dir, "binds.yaml"), "binds:\n  main: {url: \"sqlite:///main.db\"}\n"+binds)
	write(t, filepath.Join(w.dir, "main.db"), "")
	for _, tenant := range tenants {
		write(t, filepath.Join(w.dir, "customer_"+tenant+".db"), "")
	}
	return w
}

const customers = "  customer: {url: \"sqlite:///customer_{tenant}.db\"}\n"

// ping wants a status and texts in what is printed, and returns that without the table's
// head, with the first word of each line of the table.
func (w *tenantWorld) ping(flags string, status int, texts ...string) (bindsOfTable, all string) {
	w.Helper()
	out, got := shell(w.T, w.dir, "gormbind ping -config binds.yaml "+flags)
	if got != status {
		w.Errorf("%s: status %d, want %d", flags, got, status)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			w.Errorf("%s: it does not say %q:\n%s", flags, text, out)
		}
	}
	if strings.Contains(out, "secret") {
		w.Errorf("%s: it tells a password:\n%s", flags, out)
	}
	var table []string
	for _, line := range strings.Split(out, "\n") {
		if word, _, _ := strings.Cut(line, " "); word != "" && word != "BIND" && word != "gormbind" {
			table = append(table, word)
		}
	}
	return strings.Join(table, " "), out
}

// The names of tenants come from the command line, a file, or another command.
func TestPingTenants(t *testing.T) {
	w := newTenantWorld(t, customers, "acme", "globex")
	write(t, filepath.Join(w.dir, "names"), "# customers\r\n\r\nglobex\r\n acme \r\nglobex\r\n")
	for _, c := range []struct {
		flags  string
		status int
		want   string // the table
		says   string
	}{
		{"", 2, "", "name them behind -tenants"},
		{"-tenants acme", 0, "main customer/acme", ""},
		{"-tenants acme,globex,acme,", 0, "main customer/acme customer/globex", ""},
		{"-tenants @names", 0, "main customer/globex customer/acme", ""},
		{"-tenants @- < names", 0, "main customer/globex customer/acme", ""},
		{"-tenants acme,initech", 1, "main customer/acme customer/initech", "(bind \"customer\", tenant \"initech\", scheme \"sqlite\") could not be opened: there is no such file"},
		{"-tenants ../main", 2, "", "tenant \"../main\": config: the name of a tenant"},
		{"-tenants @nowhere", 2, "", "nowhere: no such file"},
		{"-tenants @- < /dev/null", 2, "", "-tenants @- names no tenant"},
		{"-tenants ,", 2, "", "names no tenant"},
		{"-tenants acme -at-once 0", 2, "", "-at-once is 0"},
	} {
		if table, all := w.ping(c.flags, c.status, c.says); table != c.want {
			t.Errorf("%s: %q, want %q:\n%s", c.flags, table, c.want, all)
		}
	}

	// A line may be anything, such as a URL where a name was meant.
	write(t, filepath.Join(w.dir, "urls"), "acme\npostgres://ada:secret@db/acme\n")
	w.ping("-tenants @urls", 2, "urls:2: config: the name of a tenant")
	w.ping("-tenants @- < urls", 2, "standard input:2: config: the name of a tenant")

	// A name that is well written may lead to another bind.
	newTenantWorld(t, "  customer: {url: \"sqlite:///{tenant}.db\"}\n").ping("-tenants main", 2, "tenant \"main\": config: ", "to the database of bind \"main\"")

	without := newTenantWorld(t, "")
	without.ping("-tenants acme", 2, "no bind has {tenant}")
	if table, _ := without.ping("", 0); table != "main" {
		t.Errorf("%q", table)
	}
}

// Of two binds with tenants, all have them, or the one that is named.
func TestPingTenantsOfTwoBinds(t *testing.T) {
	w := newTenantWorld(t, customers+"  region: {url: \"sqlite:///customer_{tenant}.db\", replica_urls: [\"sqlite:///none_{tenant}.db\"]}\n", "acme", "globex")
	if table, all := w.ping("-tenants acme,globex", 1, "2 of 7 databases do not answer", "region/acme", "(bind \"region\", tenant \"globex\""); table !=
		"main customer/acme region/acme region/acme customer/globex region/globex region/globex" {
		t.Errorf("%q\n%s", table, all)
	}
	if table, all := w.ping("-tenants acme,globex -of customer", 0); table != "main customer/acme customer/globex" {
		t.Errorf("%q\n%s", table, all)
	}
	w.ping("-tenants acme -of main", 2, "-of names \"main\"")
	w.ping("-tenants acme -of nobody", 2, "-of names \"nobody\"")
}

// With many tenants, it prints what fails, and goes on behind it.
func TestPingManyTenants(t *testing.T) {
	var all, names []string
	for i := 1; i <= 300; i++ {
		names = append(names, fmt.Sprintf("t%d", i))
		if i%100 != 0 {
			all = append(all, names[i-1])
		}
	}
	w := newTenantWorld(t, customers, all...)
	write(t, filepath.Join(w.dir, "names"), strings.Join(names, "\n"))
	if table, out := w.ping("-tenants @names -failures", 1, "gormbind ping: 3 of 301 databases do not answer\n", "tenant \"t300\""); table != "customer/t100 customer/t200 customer/t300" {
		t.Errorf("%q\n%s", table, out)
	}
	if table, _ := w.ping("-tenants @names", 1, "3 of 301"); strings.Count(table, "customer/") != 300 {
		t.Errorf("%q", table)
	}
	w.ping("-tenants t1,t100", 1, "1 of 3 databases does not answer")
	if _, out := w.ping("-tenants t1,t2 -failures", 0); out != "" {
		t.Errorf("nothing fails, and it prints %q", out)
	}
}

// A deaf server takes connections, and answers none before it is told to hang up.
type deaf struct {
	net.Listener
	mu         sync.Mutex
	open, most int
	hold       time.Duration // how long; 0: until the client goes
}

func newDeaf(t *testing.T, hold time.Duration) *deaf {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Listener: listener, hold: hold}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *deaf) serve(conn net.Conn) {
	defer conn.Close()
	said := make([]byte, 8)
	if _, err := io.ReadFull(conn, said); err != nil || said[5] != 3 {
		return // to cancel what has failed, pgx connects once more
	}
	d.mu.Lock()
	d.open++
	d.most = max(d.most, d.open)
	d.mu.Unlock()
	if d.hold > 0 {
		time.Sleep(d.hold)
	} else {
		_, _ = io.Copy(io.Discard, conn)
	}
	d.mu.Lock()
	d.open--
	d.mu.Unlock()
}

func (d *deaf) bind() string {
	return fmt.Sprintf("  customer: {url: \"postgres://ada:secret@%s/{tenant}?sslmode=disable\"}\n", d.Addr())
}

func manyNames(n int) string {
	var names []string
	for i := 0; i < n; i++ {
		names = append(names, fmt.Sprintf("t%d", i))
	}
	return strings.Join(names, ",")
}

// So many databases are asked at a time, as -at-once says.
func TestPingAtOnce(t *testing.T) {
	for flags, want := range map[string]int{"": 8, " -at-once 3": 3} {
		d := newDeaf(t, 30*time.Millisecond)
		w := newTenantWorld(t, d.bind())
		w.ping("-tenants "+manyNames(40)+flags, 1, "40 of 41 databases do not answer")
		d.mu.Lock()
		if d.most != want {
			t.Errorf("%s: %d connections at once, want %d", flags, d.most, want)
		}
		d.mu.Unlock()
	}
}

// Each database has the whole time to answer, and those that wait for their turn lose none.
func TestPingTimeout(t *testing.T) {
	d := newDeaf(t, 0)
	w := newTenantWorld(t, d.bind())
	began := time.Now()
	_, out := w.ping("-tenants "+manyNames(6)+" -at-once 2 -timeout 300ms", 1, "6 of 7 databases do not answer")
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("three rounds took %v", took)
	}
	if n := strings.Count(out, "it did not answer in time"); n != 6 {
		t.Errorf("%d timeouts:\n%s", n, out)
	}
}

// An interrupt ends it at once, and what is known is told.
func TestPingInterrupted(t *testing.T) {
	d := newDeaf(t, 0)
	w := newTenantWorld(t, d.bind()+"  archive: {url: \"sqlite:///none.db\"}\n")
	run := exec.Command(command, "ping", "-config", "binds.yaml", "-tenants", manyNames(20), "-timeout", "1m")
	run.Dir = w.dir
	var out strings.Builder
	run.Stdout, run.Stderr = &out, &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	for started := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		d.mu.Lock()
		asked := d.open
		d.mu.Unlock()
		if asked == 8 {
			break
		}
		if time.Since(started) > 20*time.Second {
			t.Fatal("it asks nobody")
		}
	}
	began := time.Now()
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Skip("this system knows no interrupts: ", err)
	}
	_ = run.Wait()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ends after %v", took)
	}
	if got := run.ProcessState.ExitCode(); got != 1 || !strings.Contains(out.String(), "1 of 22 databases does not answer; 20 of 22 were not asked, since it was interrupted\n") ||
		!strings.Contains(out.String(), "main ") || strings.Contains(out.String(), "customer/") || strings.Contains(out.String(), "secret") {
		t.Errorf("status %d:\n%s", got, out.String())
	}
}

// Tenants have no part in two phases: in-doubt and recover leave them alone.
func TestRecoverWithTenants(t *testing.T) {
	w := newTenantWorld(t, customers+"  region: {url: \"mysql://ada:secret@127.0.0.1:1/{tenant}\"}\ntwo_phase: {app: shop}\n")
	t.Chdir(w.dir)
	loaded, err := config.Load(config.File("binds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.OpenLate())
	db, err := loaded.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	type anything struct{ ID uint }
	if err := db.AutoMigrate(&anything{}); err != nil { // the program has made its table of decisions
		t.Fatal(err)
	}
	for _, name := range []string{"in-doubt", "recover"} {
		if out, status := shell(t, w.dir, "gormbind "+name+" -config binds.yaml"); status != 0 || out != "nothing is prepared\n" {
			t.Errorf("%s: %d\n%s", name, status, out)
		}
		if help, _ := shell(t, w.dir, "gormbind "+name+" -h"); !strings.Contains(help, "Databases of tenants have no branches") {
			t.Error(help)
		}
	}
	decider := newTenantWorld(t, customers+"two_phase: {app: shop, decider: customer}\n", "tenant")
	if out, status := shell(t, decider.dir, "gormbind recover -config binds.yaml"); status != 1 || !strings.Contains(out, "tenants") || strings.Contains(out, "could not be opened") {
		t.Errorf("%d\n%s", status, out)
	}
	if made, err := filepath.Glob(filepath.Join(w.dir, "customer_*")); err != nil || len(made) > 0 {
		t.Errorf("they have made %v (%v)", made, err)
	}
}
