// Package plain has one model.
package plain

// An Event lives in analytics.
type Event struct {
	ID uint `bind:"analytics"`
}
