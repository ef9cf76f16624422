// Package other has a model of another package.
package other

type Company struct{ ID uint }

func (Company) Bind() string { return "archive" }
