package testkit

import (
	osexec "os/exec"
	"path/filepath"
	"strings"
)

// GoProxy is where a program of the documents, in a module of its own, gets modules
// from: first from this machine's cache, so that no network is needed where a test has
// run before; then from where this machine gets them. (go mod tidy asks for
// modules that no build here needs: those of the tests of what is imported.)
func GoProxy() (string, error) {
	out, err := osexec.Command("go", "env", "GOMODCACHE", "GOPROXY").Output()
	cache, proxy, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return "GOPROXY=file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download")) + "," + proxy, err
}
