// Package where maps the models of a program to binds, as far as its source tells.
package where

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// A Question is what to map.
type Question struct {
	Dir      string // where patterns start, or empty
	Patterns []string
	TagName  string // empty: what the program says, or bind
	Default  string // empty: what the program says, or main
}

// A source is what was read of the packages.
type source struct {
	question Question
	packages map[string]*packages.Package // all of them, by path
	roots    []root
	said     *program.Fact
}

// A root is one of the packages that were asked for.
type root struct {
	*packages.Package
	reader keys.Reader
}

// Ask reads the packages and maps their models. It returns an error if they can't
// be built; mistakes in models are in the map.
func Ask(question Question) (*Map, error) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Dir: question.Dir}, question.Patterns...)
	if err != nil {
		return nil, err
	}
	if err := broken(loaded); err != nil {
		return nil, err
	}
	read, err := analyze(loaded, question)
	if err != nil {
		return nil, err
	}
	if tag := read.said.TagName; tag != "" && question.TagName == "" && tag != keys.UsualTag {
		question.TagName = tag // known only now: the keys were read with another
		if read, err = analyze(loaded, question); err != nil {
			return nil, err
		}
	}
	return read.draw(), nil
}

// broken are the errors of the packages that were asked for, and of what they
// import.
func broken(loaded []*packages.Package) error {
	if len(loaded) == 0 {
		return errors.New("no packages match")
	}
	var found []string
	packages.Visit(loaded, nil, func(pkg *packages.Package) {
		for _, err := range pkg.Errors {
			found = append(found, err.Error())
		}
	})
	if found == nil {
		return nil
	}
	return fmt.Errorf("the packages can't be read:\n\t%s", strings.Join(found[:min(len(found), 10)], "\n\t"))
}

func analyze(loaded []*packages.Package, question Question) (*source, error) {
	keys.TagName = question.TagName
	if keys.TagName == "" {
		keys.TagName = keys.UsualTag
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{keys.Analyzer, program.Analyzer}, loaded, nil)
	if err != nil {
		return nil, err
	}
	read := &source{question: question, packages: map[string]*packages.Package{}, said: program.NewFact()}
	packages.Visit(loaded, nil, func(pkg *packages.Package) { read.packages[pkg.PkgPath] = pkg })
	for _, action := range graph.Roots {
		if action.Err != nil {
			return nil, action.Err
		}
		switch result := action.Result.(type) {
		case keys.Reader:
			read.roots = append(read.roots, root{action.Package, result})
		case *program.Said:
			read.said.Add(&result.Fact)
		}
	}
	return read, nil
}
