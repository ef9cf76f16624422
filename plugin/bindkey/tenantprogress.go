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

// ProgressTo tells how many tenants have ended: where w is a terminal, with a bar
// ([TenantProgress.Bar]) that is drawn anew after each, and elsewhere, such as in a file
// or CI's log, with one line at the end. To have another, use [Progress].
func ProgressTo(w io.Writer) EachOption {
	terminal := false
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil {
			terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return Progress(func(p TenantProgress) { p.write(w, terminal) })
}

func (p TenantProgress) write(w io.Writer, terminal bool) {
	switch {
	case !terminal && p.Done == p.All:
		fmt.Fprintln(w, p)
	case terminal && p.Done == p.All:
		fmt.Fprintf(w, "\r\x1b[K%v\n", p)
	case terminal:
		fmt.Fprintf(w, "\r\x1b[K%s", p.Bar())
	}
}
