package bindtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// libraries are the functions between a program and its database. A file of tests is
// always the program's: this project's own tests lie in such packages.
var libraries = []string{"gorm.io/", "github.com/gormbind/gormbind/plugin/", "github.com/gormbind/gormbind/internal/", "database/sql.", "context.", "errors.", "reflect.", "runtime.", "sync.", "sync/", "testing."}

// programLine is the program's line that makes the call that is just being made:
// "users.go:23". It is of the first function on the stack that is no library's, or
// "an unknown line".
func programLine() string {
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if frame.File != "" && isProgram(frame.Function, frame.File) {
			return fmt.Sprintf("%s:%d", short(frame.File), frame.Line)
		}
		if !more {
			return "an unknown line"
		}
	}
}

func isProgram(function, file string) bool {
	if strings.HasSuffix(file, "_test.go") {
		return true
	}
	for _, library := range libraries {
		if strings.HasPrefix(function, library) {
			return false
		}
	}
	return true
}

// short is a file's path from the folder of the test, if it is in there.
func short(file string) string {
	dir, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(dir, filepath.FromSlash(file))
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
		return file
	}
	return rel
}
