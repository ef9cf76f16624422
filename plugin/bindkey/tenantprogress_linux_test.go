package bindkey_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// mustTerminal opens a pseudo terminal, and what shows on it.
func mustTerminal(t *testing.T) (shown, terminal *os.File) {
	t.Helper()
	shown, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine gives no pseudo terminals: ", err)
	}
	t.Cleanup(func() { _ = shown.Close() })
	var number, locked uint32
	for request, value := range map[uintptr]*uint32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, shown.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return shown, terminal
}

// On a terminal, a bar is drawn anew after each tenant.
func TestProgressOnTerminal(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	shown, terminal := mustTerminal(t)
	err := w.plugin.EachTenant(context.Background(), []string{"acme", "globex", "initech"}, func(ctx context.Context) error {
		if bindkey.TenantOf(ctx, "customer") == "globex" {
			return errors.New("no")
		}
		return nil
	}, bindkey.AtOnce(1), bindkey.ProgressTo(terminal))
	if err == nil {
		t.Error("the failure is lost")
	}
	text, err := bufio.NewReader(shown).ReadString('\n')
	w.must(err)
	want := "\r\x1b[K[########................] 1 of 3 tenants: acme" +
		"\r\x1b[K[################........] 2 of 3 tenants, 1 failed: globex" +
		"\r\x1b[K3 of 3 tenants, 1 failed\r\n"
	if text != want {
		t.Errorf("%q", text)
	}
}

func TestBar(t *testing.T) {
	for _, test := range []struct {
		progress bindkey.TenantProgress
		want     string
	}{
		{bindkey.TenantProgress{}, "[........................] 0 of 0 tenants: "},
		{bindkey.TenantProgress{Tenant: "acme", Done: 12, All: 50}, "[#####...................] 12 of 50 tenants: acme"},
		{bindkey.TenantProgress{Tenant: "acme", Done: 50, All: 50, Failed: 2}, "[########################] 50 of 50 tenants, 2 failed: acme"},
	} {
		if got := test.progress.Bar(); got != test.want {
			t.Errorf("%q", got)
		}
	}
}
