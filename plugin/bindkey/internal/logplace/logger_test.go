package logplace_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/logplace"
)

type place logplace.Place

func (p place) Place() logplace.Place { return logplace.Place(p) }

type nobody struct{ logger.Interface }

// A text logger has the place before the SQL, whatever session asks it, and only once.
func TestTexts(t *testing.T) {
	ctx := logplace.At(context.Background(), place{Key: "a?b", Role: "source", Tenant: "acme"}, 7)
	for name, given := range map[string]logger.Interface{
		"GORM's": logger.Default, "the program's": nobody{logger.Default},
	} {
		telling, is := logplace.Telling(given)
		if is || !logplace.InSQL(telling) {
			t.Errorf("%s: it tells already", name)
		}
		again, is := logplace.Telling(telling.LogMode(logger.Info))
		if !is {
			t.Errorf("%s: Debug has lost it", name)
		}
		sql, params := again.(gorm.ParamsFilter).ParamsFilter(ctx, "SELECT ?", 1)
		if sql != "[a_b/acme source] SELECT ?" || len(params) != 1 {
			t.Errorf("%s: %q, %v", name, sql, params)
		}
		for _, ctx := range []context.Context{context.Background(), nil, logplace.At(ctx, nil, 7)} {
			if sql, _ := again.(gorm.ParamsFilter).ParamsFilter(ctx, "SELECT 1"); sql != "SELECT 1" {
				t.Errorf("%s: %q", name, sql)
			}
		}
	}
	if _, is := logplace.Telling(logger.Discard); !is {
		t.Error("who discards is told places")
	}
}

// GORM's logger for slog has attributes, also inside of dbresolver's, which stays outside.
func TestAttributes(t *testing.T) {
	var out bytes.Buffer
	plain := logger.NewSlogLogger(slog.New(slog.NewTextHandler(&out, nil)), logger.Config{LogLevel: logger.Info})
	for _, given := range []logger.Interface{plain, dbresolver.NewResolverModeLogger(plain)} {
		telling, is := logplace.Telling(given)
		if is || logplace.InSQL(telling) {
			t.Errorf("%T: %v", given, is)
		}
		if _, is := logplace.Telling(telling); !is {
			t.Errorf("%T is made to tell twice", given)
		}
		out.Reset()
		ctx := logplace.At(context.Background(), place{Key: "main", Role: "replica", Tenant: "acme"}, 7)
		telling.Trace(ctx, time.Now(), func() (string, int64) { return "SELECT 1", 1 }, nil)
		for _, want := range []string{"bind=main", "role=replica", "tenant=acme", "tx=7"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%T: no %s in %s", given, want, out.String())
			}
		}
	}
}

// The context of a result, on which a program chains, does not become longer.
func TestAt(t *testing.T) {
	type key struct{}
	first := context.WithValue(context.Background(), key{}, "kept")
	var ctx context.Context = first
	for i := 0; i < 3; i++ {
		ctx = logplace.At(ctx, place{}, 0)
	}
	if placed := logplace.In(ctx); placed == nil || placed.Context != first || ctx.Value(key{}) != "kept" {
		t.Errorf("%v", ctx)
	}
}
