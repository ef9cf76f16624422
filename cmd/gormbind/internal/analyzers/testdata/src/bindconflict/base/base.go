// Package base has what models of another package embed.
package base

type Archived struct{ ID uint }

func (Archived) Bind() string { return "archive" }

type Computed struct{ ID uint }

func (Computed) Bind() string { return key }

var key = "archive"
