// Package other has what models embed from another package.
package other

// Key is a key.
const Key = "archive"

// Base has a key by method.
type Base struct{ ID uint }

// Bind is the key.
func (Base) Bind() string { return Key }

// Tagged has a key by tag.
type Tagged struct {
	ID uint `bind:"analytics"`
}
