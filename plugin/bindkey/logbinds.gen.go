// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame).

package bindkey

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"
)

// Where a statement goes comes to the loggers in its context, which is all of it that
// GORM gives them (callbacks.go, Execute). The text loggers have it in the SQL: GORM
// asks for that by ParamsFilter, and not by a Trace of ours, which would be one more
// of the 13 frames that the logger looks at for the program's line.

// A placedContext is the context of a statement whose log line tells its place.
type placedContext struct {
	context.Context
	at *boundPool // nil: nobody knows, or it was refused
	tx uint64     // the transaction's number; 0: none

	texts bool // beside statements: the logger of the session has it in the SQL
}

type placeKey struct{}

// Value is of context.Context.
func (c *placedContext) Value(key any) any {
	if _, ok := key.(placeKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// placedIn is the place that a context has, or nil.
func placedIn(ctx context.Context) *placedContext {
	if ctx == nil {
		return nil
	}
	placed, _ := ctx.Value(placeKey{}).(*placedContext)
	return placed
}

// placedAt is a context with a place. That of the statement around, which it would hide,
// is left out, or chains on results would make it longer and longer.
func placedAt(ctx context.Context, at *boundPool, tx *transaction) *placedContext {
	if around, ok := ctx.(*placedContext); ok {
		ctx = around.Context
	}
	placed := &placedContext{Context: ctx, at: at}
	if tx != nil {
		placed.tx = tx.number
	}
	return placed
}

// tell has a routed statement's log line tell where it goes: its logger may be one that
// a session has brought.
func (p *Plugin) tell(db *gorm.DB) {
	if db.Config.Logger == logger.Discard {
		return
	}
	stmt := db.Statement
	stmt.Context = placedAt(stmt.Context, boundPoolIn(stmt.ConnPool), transactionIn(stmt.ConnPool))
	telling, is := tellingBinds(db.Config.Logger)
	if is || !p.logsTexts && reflect.TypeOf(db.Config.Logger) == recorderType {
		return // Scan records for the logger of its session, which is the handle's in most programs (finisher_api.go)
	}
	config := *db.Config // sessions share theirs
	config.Logger = telling
	db.Config = &config
}

// logsTexts reports whether a logger that tells binds does so in the SQL.
func logsTexts(l logger.Interface) bool {
	switch reflect.TypeOf(l) {
	case slogType:
		return false
	case modeType:
		inner, _ := reflect.ValueOf(l).FieldByName("Interface").Interface().(logger.Interface)
		return logsTexts(inner)
	default:
		return true
	}
}

// tellTransaction adds the number of the default transaction that GORM has begun around a
// statement.
func tellTransaction(stmt *gorm.Statement) {
	if placed, tx := placedIn(stmt.Context), transactionIn(stmt.ConnPool); placed != nil && tx != nil {
		placed.tx = tx.number
	}
}

// untold is a context in which no statement around tells its place.
func untold(ctx context.Context) context.Context {
	if placedIn(ctx) == nil {
		return ctx
	}
	return placedAt(ctx, nil, nil)
}

// tellBeside has the lines of a session of the bind's plain handle tell its place.
func (b *bind) tellBeside(session *gorm.DB, tx *transaction) {
	if !b.plugin.logBinds {
		return
	}
	stmt := session.Statement
	at := boundPoolIn(stmt.ConnPool)
	if at == nil {
		at = b.poolOf(stmt.ConnPool)
	}
	session.Config.Logger, _ = tellingBinds(session.Config.Logger)
	placed := placedAt(stmt.Context, at, tx)
	placed.texts = logsTexts(session.Config.Logger)
	stmt.Context = placed
}

// tellScans has Scan in a session of the bind's plain handle tell its place, too: the
// migrators of dialects ask so. It records for the logger of its session, whose
// ParamsFilter it does not ask (finisher_api.go).
func (b *bind) tellScans() error {
	if !b.plugin.logBinds {
		return nil
	}
	return b.plain.Callback().Row().Before("gorm:row").Register("bindkey:tell", func(db *gorm.DB) {
		if placed := placedIn(db.Statement.Context); placed == nil || !placed.texts || reflect.TypeOf(db.Config.Logger) != recorderType {
			return
		}
		config := *db.Config
		config.Logger = &bindLogger{config.Logger}
		db.Config = &config
	})
}

// poolOf is the bind's pool that is a connection pool of database/sql, or that one of its
// transactions or connections is of; or nil.
func (b *bind) poolOf(conn gorm.ConnPool) *boundPool {
	if g, ok := conn.(*gate); ok {
		return g.pool
	}
	for _, pool := range b.plugin.realPools() {
		if pool.Conn == conn {
			return b.at(pool)
		}
	}
	if value := reflect.ValueOf(conn); value.Kind() != reflect.Pointer || value.Elem().Kind() != reflect.Struct {
		return nil
	}
	return b.at(b.plugin.ownerOf(conn))
}

var (
	slogType     = reflect.TypeOf(logger.NewSlogLogger(slog.Default(), logger.Config{}))
	modeType     = reflect.TypeOf(dbresolver.NewResolverModeLogger(logger.Discard))
	recorderType = reflect.TypeOf(logger.Recorder.New())
)

// tellingBinds is a logger whose lines tell where their statements went, and whether it
// is one already.
func tellingBinds(l logger.Interface) (telling logger.Interface, is bool) {
	switch reflect.TypeOf(l) {
	case nil:
		return l, true
	case slogType:
		return tellingAttributes(l)
	case modeType: // dbresolver looks for it in the handle, so it stays outside
		return replaceIn(l, reflect.ValueOf(l), "Interface", func(inner any) (any, bool) { return tellingBinds(inner.(logger.Interface)) })
	}
	if _, ok := l.(*bindLogger); ok || l == logger.Discard {
		return l, true
	}
	return &bindLogger{l}, false
}

// tellingAttributes is GORM's slog logger with a handler of ours.
func tellingAttributes(l logger.Interface) (logger.Interface, bool) {
	value := reflect.ValueOf(l)
	if value.IsNil() {
		return l, true
	}
	return replaceIn(l, value.Elem(), "Logger", func(inner any) (any, bool) {
		of, _ := inner.(*slog.Logger)
		if of == nil {
			return inner, true
		}
		if _, ok := of.Handler().(*bindHandler); ok {
			return inner, true
		}
		return slog.New(&bindHandler{of.Handler()}), false
	})
}

// replaceIn is a copy of a logger, a struct of another package, with another value in one of its
// exported fields.
func replaceIn(l logger.Interface, of reflect.Value, name string, by func(any) (any, bool)) (logger.Interface, bool) {
	if field := of.FieldByName(name); !field.IsValid() || !field.CanInterface() {
		return &bindLogger{l}, false // of a version that has it no more
	}
	value, same := by(of.FieldByName(name).Interface())
	if same {
		return l, true
	}
	made := reflect.New(of.Type())
	made.Elem().Set(of)
	made.Elem().FieldByName(name).Set(reflect.ValueOf(value))
	if made.Type() == reflect.TypeOf(l) {
		return made.Interface().(logger.Interface), false
	}
	return made.Elem().Interface().(logger.Interface), false
}

// A bindLogger is a logger of texts: GORM's own, or the program's. Its other methods are
// the logger's; the compiler's wrappers of them are no frames.
type bindLogger struct{ logger.Interface }

// LogMode keeps what it is, for Debug.
func (l *bindLogger) LogMode(level logger.LogLevel) logger.Interface {
	telling, _ := tellingBinds(l.Interface.LogMode(level))
	return telling
}

// ParamsFilter puts the place before the SQL.
func (l *bindLogger) ParamsFilter(ctx context.Context, sql string, params ...any) (string, []any) {
	if filter, ok := l.Interface.(gorm.ParamsFilter); ok {
		sql, params = filter.ParamsFilter(ctx, sql, params...)
	}
	if placed := placedIn(ctx); placed != nil && placed.at != nil {
		sql = label(placed.at.placement()) + sql
	}
	return sql, params
}

// label is a place before SQL that has its variables written into it afterwards: what a
// placeholder begins with is none of its characters.
func label(at Placement) string {
	key := at.Key
	if at.Tenant != "" {
		key += "/" + at.Tenant
	}
	return "[" + placeholders.Replace(key) + " " + at.Role + "] "
}

var placeholders = strings.NewReplacer("?", "_", "$", "_", "@", "_", ":", "_")

// A bindHandler adds the place to what is logged.
type bindHandler struct{ slog.Handler }

// Handle is of slog.Handler.
func (h *bindHandler) Handle(ctx context.Context, r slog.Record) error {
	if placed := placedIn(ctx); placed != nil {
		r = r.Clone()
		if placed.at != nil {
			r.AddAttrs(slog.String("bind", placed.at.bind.key), slog.String("role", placed.at.role))
			if placed.at.tenant != nil {
				r.AddAttrs(slog.String("tenant", placed.at.tenant.Name))
			}
		}
		if placed.tx != 0 {
			r.AddAttrs(slog.Uint64("tx", placed.tx))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup keep what it is.
func (h *bindHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &bindHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is of slog.Handler.
func (h *bindHandler) WithGroup(name string) slog.Handler {
	return &bindHandler{h.Handler.WithGroup(name)}
}
