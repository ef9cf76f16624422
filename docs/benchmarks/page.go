package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// The marks of what the program writes into docs/benchmarks.md.
const (
	pageBegins = "<!-- measured -->\n"
	pageEnds   = "<!-- end of measured -->\n"
)

// fill replaces what stands between a page's marks.
func fill(page string, write func(io.Writer) error) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), pageBegins)
	_, after, ends := strings.Cut(rest, pageEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no marks %q and %q", page, strings.TrimSpace(pageBegins), strings.TrimSpace(pageEnds))
	}
	var measured bytes.Buffer
	if err := write(&measured); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(before+pageBegins+"\n"+measured.String()+"\n"+pageEnds+after), 0o644)
}

// machine tells on what was measured.
func machine() string {
	cpu := "an unnamed CPU"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, model, ok := strings.Cut(string(info), "model name\t: "); ok {
			cpu, _, _ = strings.Cut(model, "\n")
		}
	}
	version, _, _ := sqlite3.Version()
	return fmt.Sprintf("%s/%s, %d × %s, %s, %sSQLite %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu, runtime.Version(), modules(), version)
}

// modules are the versions of GORM and dbresolver.
func modules() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	text := ""
	for _, dep := range info.Deps {
		switch dep.Path {
		case "gorm.io/gorm", "gorm.io/plugin/dbresolver":
			text += strings.TrimPrefix(strings.TrimPrefix(dep.Path, "gorm.io/"), "plugin/") + " " + dep.Version + ", "
		}
	}
	return text
}
