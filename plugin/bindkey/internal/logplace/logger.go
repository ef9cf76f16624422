package logplace

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"
)

// InSQL reports whether a logger that tells places does so in the SQL, and not in attributes.
func InSQL(l logger.Interface) bool {
	switch reflect.TypeOf(l) {
	case slogType:
		return false
	case modeType:
		inner, _ := reflect.ValueOf(l).FieldByName("Interface").Interface().(logger.Interface)
		return InSQL(inner)
	default:
		return true
	}
}

var (
	slogType     = reflect.TypeOf(logger.NewSlogLogger(slog.Default(), logger.Config{}))
	modeType     = reflect.TypeOf(dbresolver.NewResolverModeLogger(logger.Discard))
	recorderType = reflect.TypeOf(logger.Recorder.New())
)

// IsRecorder reports whether a logger is that which Scan records with (finisher_api.go).
func IsRecorder(l logger.Interface) bool { return reflect.TypeOf(l) == recorderType }

// Texts is a logger that tells places in the SQL, whatever it is.
func Texts(l logger.Interface) logger.Interface { return &textLogger{l} }

// Telling is a logger whose lines tell where their statements went, and whether it
// is one already.
func Telling(l logger.Interface) (telling logger.Interface, is bool) {
	switch reflect.TypeOf(l) {
	case nil:
		return l, true
	case slogType:
		return tellingAttributes(l)
	case modeType: // dbresolver looks for it in the handle, so it stays outside
		return replaceIn(l, reflect.ValueOf(l), "Interface", func(inner any) (any, bool) { return Telling(inner.(logger.Interface)) })
	}
	if _, ok := l.(*textLogger); ok || l == logger.Discard {
		return l, true
	}
	return &textLogger{l}, false
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
		if _, ok := of.Handler().(*attributeHandler); ok {
			return inner, true
		}
		return slog.New(&attributeHandler{of.Handler()}), false
	})
}

// replaceIn is a copy of a logger, a struct of another package, with another value in one of its
// exported fields.
func replaceIn(l logger.Interface, of reflect.Value, name string, by func(any) (any, bool)) (logger.Interface, bool) {
	if field := of.FieldByName(name); !field.IsValid() || !field.CanInterface() {
		return &textLogger{l}, false // of a version that has it no more
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

// A textLogger is a logger of texts: GORM's own, or the program's. Its other methods are
// the logger's; the compiler's wrappers of them are no frames.
type textLogger struct{ logger.Interface }

// LogMode keeps what it is, for Debug.
func (l *textLogger) LogMode(level logger.LogLevel) logger.Interface {
	telling, _ := Telling(l.Interface.LogMode(level))
	return telling
}

// ParamsFilter puts the place before the SQL.
func (l *textLogger) ParamsFilter(ctx context.Context, sql string, params ...any) (string, []any) {
	if filter, ok := l.Interface.(gorm.ParamsFilter); ok {
		sql, params = filter.ParamsFilter(ctx, sql, params...)
	}
	if placed := In(ctx); placed != nil && placed.at != nil {
		sql = label(placed.at.Place()) + sql
	}
	return sql, params
}

// label is a place before SQL that has its variables written into it afterwards: what a
// placeholder begins with is none of its characters.
func label(at Place) string {
	key := at.Key
	if at.Tenant != "" {
		key += "/" + at.Tenant
	}
	return "[" + placeholders.Replace(key) + " " + at.Role + "] "
}

var placeholders = strings.NewReplacer("?", "_", "$", "_", "@", "_", ":", "_")

// An attributeHandler adds the place to what is logged.
type attributeHandler struct{ slog.Handler }

// Handle is of slog.Handler.
func (h *attributeHandler) Handle(ctx context.Context, r slog.Record) error {
	if placed := In(ctx); placed != nil {
		r = r.Clone()
		if placed.at != nil {
			at := placed.at.Place()
			r.AddAttrs(slog.String("bind", at.Key), slog.String("role", at.Role))
			if at.Tenant != "" {
				r.AddAttrs(slog.String("tenant", at.Tenant))
			}
		}
		if placed.Tx != 0 {
			r.AddAttrs(slog.Uint64("tx", placed.Tx))
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup keep what it is.
func (h *attributeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &attributeHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is of slog.Handler.
func (h *attributeHandler) WithGroup(name string) slog.Handler {
	return &attributeHandler{h.Handler.WithGroup(name)}
}
