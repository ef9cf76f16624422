package main

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// keys are the binds; main is the default one.
var keys = []string{"main", "analytics", "archive"}

// A Row names its bind, its transaction and its place in that.
type Row struct {
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:64"` // "main/t12/3", for those who only see bytes
	Bind     string
	Txn      int64
	Seq      int64
	Val      int64
	ParentID *int64
	Ticket   *int64
}

// A Hot is one of a few rows that all transactions want, so that they deadlock.
type Hot struct {
	ID int64
	N  int64
}

// The models.
type (
	MainRow struct {
		_ struct{} `bind:"main"`
		Row
		Logs   []AnalyticsRow `gorm:"foreignKey:ParentID"`
		Copies []ArchiveRow   `gorm:"foreignKey:ParentID"`
	}
	AnalyticsRow struct {
		_ struct{} `bind:"analytics"`
		Row
	}
	ArchiveRow struct{ Row }
	MainHot    struct {
		_ struct{} `bind:"main"`
		Hot
	}
	AnalyticsHot struct {
		Hot `bind:"analytics"`
	}
	ArchiveHot struct{ Hot }
)

func (ArchiveRow) Bind() string { return "archive" }
func (ArchiveHot) Bind() string { return "archive" }

var models = []any{&MainRow{}, &AnalyticsRow{}, &ArchiveRow{}, &MainHot{}, &AnalyticsHot{}, &ArchiveHot{}}

// storyKey is where a statement's context has the transaction that wants its
// hooks to register functions.
type storyKey struct{}

// AfterCreate registers functions for the outcome, as hooks do.
func (r *Row) AfterCreate(tx *gorm.DB) error {
	if s, ok := tx.Statement.Context.Value(storyKey{}).(*story); ok {
		s.register(tx, true)
		s.register(tx, false)
	}
	return nil
}

func rowName(key string, txn, seq int64, suffix string) string {
	return fmt.Sprintf("%s/t%d/%d%s", key, txn, seq, suffix)
}

func rowModel(key string, r Row) any {
	switch key {
	case "main":
		return &MainRow{Row: r}
	case "analytics":
		return &AnalyticsRow{Row: r}
	default:
		return &ArchiveRow{Row: r}
	}
}

func hotModel(key string) any {
	switch key {
	case "main":
		return &MainHot{}
	case "analytics":
		return &AnalyticsHot{}
	default:
		return &ArchiveHot{}
	}
}

// rowModels is a slice of a bind's models, for batches.
func rowModels(key string, rows []Row) any {
	switch key {
	case "main":
		return slice(rows, func(r Row) MainRow { return MainRow{Row: r} })
	case "analytics":
		return slice(rows, func(r Row) AnalyticsRow { return AnalyticsRow{Row: r} })
	default:
		return slice(rows, func(r Row) ArchiveRow { return ArchiveRow{Row: r} })
	}
}

func slice[T any](rows []Row, model func(Row) T) *[]T {
	models := make([]T, len(rows))
	for i, r := range rows {
		models[i] = model(r)
	}
	return &models
}

// createGeneric is Create in GORM's generic API.
func createGeneric(ctx context.Context, tx *gorm.DB, key string, r Row) error {
	switch key {
	case "main":
		return gorm.G[MainRow](tx).Create(ctx, &MainRow{Row: r})
	case "analytics":
		return gorm.G[AnalyticsRow](tx).Create(ctx, &AnalyticsRow{Row: r})
	default:
		return gorm.G[ArchiveRow](tx).Create(ctx, &ArchiveRow{Row: r})
	}
}
