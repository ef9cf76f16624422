// Package logplace has the line that a statement logs tell where the statement goes: in the
// loggers of GORM and log/slog, and in those of programs. It knows no bind.
//
// The place comes to the loggers in the statement's context, which is all of it that GORM gives
// them (callbacks.go, Execute). The text loggers have it in the SQL: GORM asks for
// that by ParamsFilter, and not by a Trace of ours, which would be one more of the 13 frames that
// the logger looks at for the program's line.
package logplace

import "context"

// A Place is where a statement goes.
type Place struct{ Key, Role, Tenant string }

// A Placer knows its place. It is asked where a line is written.
type Placer interface{ Place() Place }

// A Context is that of a statement whose log line tells its place.
type Context struct {
	context.Context
	at Placer // nil: nobody knows, or it was refused

	Tx uint64 // the transaction's number; 0: none
	// Texts is of statements that the plugin sends beside those of the program: the logger
	// of the session has the place in the SQL.
	Texts bool
}

// At is a context with a place, or with none: nil. That of the statement around, which it
// would hide, is left out, or chains on results would make it longer and longer.
func At(ctx context.Context, at Placer, tx uint64) *Context {
	if around, ok := ctx.(*Context); ok {
		ctx = around.Context
	}
	return &Context{Context: ctx, at: at, Tx: tx}
}

type placeKey struct{}

// Value is of context.Context.
func (c *Context) Value(key any) any {
	if _, ok := key.(placeKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// In is the place that a context has, or nil.
func In(ctx context.Context) *Context {
	if ctx == nil {
		return nil
	}
	placed, _ := ctx.Value(placeKey{}).(*Context)
	return placed
}
