package servers

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// startPostgres makes a cluster in a folder and runs a server over it, which ends with
// this process. PostgreSQL refuses to run as root: then it is the user postgres.
func startPostgres(bin, dir string, port int) (stop func() error, err error) {
	attributes := func() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
	if os.Geteuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		attributes = func() *syscall.SysProcAttr {
			return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = attributes(), dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_prepared_transactions=200", "-c", "max_connections=200", "-c", fmt.Sprintf("fsync=%t", PrivateFsync))
	server.SysProcAttr, server.Dir, server.Stdout, server.Stderr = attributes(), dir, log, log
	server.SysProcAttr.Pdeathsig = syscall.SIGINT
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread ends that has started it
		err := server.Start()
		started <- err
		if err == nil {
			ended <- server.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	stop = func() error {
		_ = server.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			return log.Close()
		case <-time.After(20 * time.Second):
			return errors.Join(errors.New("the private PostgreSQL does not end"), server.Process.Kill(), log.Close())
		}
	}
	if err := answers(port); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

func answers(port int) (err error) {
	pool, err := sql.Open("pgx", fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", port))
	if err != nil {
		return err
	}
	defer pool.Close()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if err = pool.Ping(); err == nil {
			return nil
		}
	}
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
