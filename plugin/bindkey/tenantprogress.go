package bindkey

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// A TenantProgress is how far [Plugin.EachTenant] has come.
type TenantProgress struct {
	Tenant string // which has just ended
	Err    error  // what its call returned
	Done   int    // how many have ended, also those that failed
	Failed int    // how many have failed
	All    int
}

// String is "12 of 50 tenants, 1 failed".
func (p TenantProgress) String() string {
	line := fmt.Sprintf("%d of %d tenants", p.Done, p.All)
	if p.Failed > 0 {
		line += fmt.Sprintf(", %d failed", p.Failed)
	}
	return line
}

// barWidth is how many signs a whole bar has.
const barWidth = 24

// Bar is "[#####...................] 12 of 50 tenants, 1 failed: acme", with the tenant that
// has just ended.
func (p TenantProgress) Bar() string {
	full := 0
	if p.All > 0 {
		full = barWidth * p.Done / p.All
	}
	return fmt.Sprintf("[%s%s] %v: %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p, p.Tenant)
}

// Draw draws the bar ([TenantProgress.Bar]) over the one before, or one line at the end, and
// reports whether w is a terminal: elsewhere it writes nothing. It is for programs that go
// through tenants without [Plugin.EachTenant].
func (p TenantProgress) Draw(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	if p.Done == p.All {
		fmt.Fprintf(w, "\r\x1b[K%v\n", p)
	} else {
		fmt.Fprintf(w, "\r\x1b[K%s", p.Bar())
	}
	return true
}

// ProgressTo tells how many tenants have ended: where w is a terminal, with a bar that is
// drawn anew after each ([TenantProgress.Draw]), and elsewhere, such as in a file or CI's
// log, with one line at the end. To have another, use [Progress].
func ProgressTo(w io.Writer) EachOption {
	return Progress(func(p TenantProgress) {
		if !p.Draw(w) && p.Done == p.All {
			fmt.Fprintln(w, p)
		}
	})
}
