package bindkey_test

import (
	"bufio"
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// On a terminal, a bar is drawn anew after each tenant.
func TestProgressOnTerminal(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	shown, terminal := testkit.Terminal(t)
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
