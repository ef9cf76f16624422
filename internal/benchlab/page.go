package benchlab

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// resultSection is what all programs write: the result, from all tables.
const resultSection = "the result"

// The marks of a section. What stands between them is a program's.
func marks(section string) (begins, ends string) {
	return "<!-- begin: " + section + " -->\n", "<!-- end: " + section + " -->\n"
}

// fill replaces a program's section of a page, and the result at its top.
func fill(page, section string, write func(io.Writer) error) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var measured bytes.Buffer
	if err := write(&measured); err != nil {
		return err
	}
	filled, err := replace(string(text), section, measured.String())
	if err == nil {
		filled, err = Summarize(filled)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(filled), 0o644)
}

// replace replaces what stands between a section's marks.
func replace(text, section, with string) (string, error) {
	begins, ends := marks(section)
	before, rest, begun := strings.Cut(text, begins)
	_, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		return "", fmt.Errorf("it has no marks %q and %q", strings.TrimSpace(begins), strings.TrimSpace(ends))
	}
	return before + begins + "\n" + strings.TrimRight(with, "\n") + "\n\n" + ends + after, nil
}

// machine tells on what was measured.
func machine() string {
	cpu := "an unnamed CPU"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, model, ok := strings.Cut(string(info), "model name\t: "); ok {
			cpu, _, _ = strings.Cut(model, "\n")
		}
	}
	return fmt.Sprintf("%s/%s, %d × %s, %s%s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu, runtime.Version(), modules())
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
			text += ", " + strings.TrimPrefix(strings.TrimPrefix(dep.Path, "gorm.io/"), "plugin/") + " " + dep.Version
		}
	}
	return text
}
