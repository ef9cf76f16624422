package bindotel_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// secret is each value of the statements below, as text or in a part of it; number is one
// as a number.
const (
	secret = "s3cr3t"
	number = 918273645
)

// everything is all that telemetry has: names, attributes, events, status and metrics.
func everything(spans []sdktrace.ReadOnlySpan, points map[string]float64) string {
	var text strings.Builder
	for _, span := range spans {
		fmt.Fprintln(&text, span.Name(), span.Status(), span.Attributes(), span.Events(), span.Links())
	}
	for point := range points {
		fmt.Fprintln(&text, point)
	}
	return text.String()
}

// No value of a variable is in a span or metric, whatever the statement, its relations and
// its end, nor a literal that the program has written into SQL.
func TestNoValueIsTold(t *testing.T) {
	statements := map[string]func(db *gorm.DB) error{
		"create, with all relations": func(db *gorm.DB) error {
			return db.Create(&User{ID: number, Name: secret, Logs: []LogEntry{{Event: secret}}, Profile: &Profile{Bio: secret},
				Tags: []Tag{{Name: secret}}, Notes: []Note{{Text: secret}}}).Error
		},
		"in batches": func(db *gorm.DB) error {
			return db.CreateInBatches([]Note{{Text: secret}, {Text: secret}, {Text: secret}}, 2).Error
		},
		"of a map": func(db *gorm.DB) error { return db.Model(&Note{}).Create(map[string]any{"text": secret}).Error },
		"an upsert": func(db *gorm.DB) error {
			return db.Clauses(clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"name": secret}), Columns: []clause.Column{{Name: "id"}}}).Create(&User{ID: number, Name: secret}).Error
		},
		"save": func(db *gorm.DB) error { return db.Save(&User{ID: number, Name: secret}).Error },
		"update": func(db *gorm.DB) error {
			return db.Model(&User{}).Where("name = ?", secret).Updates(map[string]any{"name": gorm.Expr("? || name", secret)}).Error
		},
		"delete": func(db *gorm.DB) error { return db.Delete(&LogEntry{}, "event = ?", secret).Error },
		"preloads": func(db *gorm.DB) error {
			return db.Preload("Logs", "event <> ?", secret).Preload("Tags", "name = ?", secret).Preload("Notes").Preload("Profile").Where(&User{Name: secret}).Find(&[]User{}).Error
		},
		"limits": func(db *gorm.DB) error { return db.Limit(number).Offset(number + 1).Find(&[]User{}).Error },
		"associations": func(db *gorm.DB) error {
			return errors.Join(db.Model(&User{ID: number}).Association("Tags").Find(&[]Tag{}, "name = ?", secret), db.Model(&User{ID: number}).Association("Logs").Append(&LogEntry{Event: secret}))
		},
		"a subquery": func(db *gorm.DB) error {
			return db.Where("id IN (?)", db.Model(&User{}).Select("id").Where("name = ?", secret)).Find(&[]User{}).Error
		},
		"named": func(db *gorm.DB) error {
			return db.Raw("SELECT * FROM users WHERE name = @name", sql.Named("name", secret)).Scan(&[]User{}).Error
		},
		"row": func(db *gorm.DB) error {
			_ = db.Raw("SELECT name FROM users WHERE name = ?", secret).Row().Scan(new(string))
			return nil
		},
		"rows": func(db *gorm.DB) error {
			rows, err := db.Model(&User{}).Where("name = ?", secret).Rows()
			return errors.Join(err, rows.Close())
		},
		"find in batches": func(db *gorm.DB) error {
			return db.Where("text = ?", secret).FindInBatches(&[]Note{}, 1, func(tx *gorm.DB, _ int) error { return tx.Exec("UPDATE notes SET text = ?", secret).Error }).Error
		},
		"literals of the program": func(db *gorm.DB) error {
			return errors.Join(db.Exec("UPDATE users SET name = '"+secret+"', id = 918273645 /* "+secret+" */ WHERE name = \""+secret+"\" -- "+secret).Error,
				db.Where("name = '"+secret+"' OR id = 918273645").Order("CASE WHEN name = '"+secret+"' THEN 1 ELSE 2 END").Find(&[]User{}).Error,
				db.Raw("SELECT 'it''s "+secret+"' FROM users").Scan(&[]string{}).Error)
		},
		"errors of the program's own": func(db *gorm.DB) error {
			for _, err := range []error{&numbered{number}, coded(number)} {
				if db.Table("notes").Where("text = ?", badValue{err}).Scan(&[]string{}).Error == nil {
					return errors.New("no error")
				}
			}
			return nil
		},
		"past GORM's callbacks": func(db *gorm.DB) error {
			_, err := db.Statement.ConnPool.ExecContext(context.Background(), "UPDATE users SET name = ?", secret)
			return err
		},
		"errors": func(db *gorm.DB) error {
			_ = db.Exec("INSERT INTO users (id, name) VALUES (?, ?), (?, ?)", number, secret, number, secret).Error
			_ = db.Raw("SELECT "+secret+"(?) FROM notes WHERE 'open", secret).Scan(new(string)).Error
			_ = db.Raw("SELECT * FROM users, notes WHERE name = ?", secret).Scan(&[]User{}).Error // refused
			return nil
		},
	}
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, &gorm.Config{PrepareStmt: prepare})
		for name, run := range statements {
			for in, db := range map[string]func(func(*gorm.DB) error) error{
				"alone":            func(run func(*gorm.DB) error) error { return run(w.db.Session(&gorm.Session{})) },
				"in a transaction": func(run func(*gorm.DB) error) error { return w.db.Transaction(run) },
				"that fails": func(run func(*gorm.DB) error) error {
					_ = w.db.Transaction(func(tx *gorm.DB) error { return errors.Join(run(tx), errors.New(secret)) })
					return nil
				},
				"nested, with a Use": func(run func(*gorm.DB) error) error {
					return w.db.Clauses(bindkey.Use("main")).Transaction(func(tx *gorm.DB) error { return tx.Transaction(run) })
				},
			} {
				if prepare && name == "past GORM's callbacks" {
					continue
				}
				_ = w.db.Exec("DELETE FROM users WHERE id = ?", number)
				w.ended()
				if err := db(run); err != nil {
					t.Errorf("%s, %s: %v", name, in, err)
				}
				spans := w.ended()
				if len(spans) == 0 {
					t.Errorf("%s, %s: no span", name, in)
				}
				if told := everything(spans, nil); strings.Contains(told, secret) || strings.Contains(told, fmt.Sprint(number)) || strings.Contains(told, fmt.Sprint(number+1)) {
					t.Errorf("%s, %s:\n%s", name, in, told)
				}
			}
		}
		if told := everything(nil, w.metrics()); strings.Contains(told, secret) || strings.Contains(told, fmt.Sprint(number)) {
			t.Error(told)
		}
	}
}

// Errors as a program's Valuer may return them, with the value.
type (
	numbered struct{ Number int }
	coded    int
	badValue struct{ err error }
)

func (e *numbered) Error() string { return "a bad number" }

func (e coded) Error() string { return "a bad code" }
func (e coded) Code() int     { return int(e) }

func (v badValue) Value() (driver.Value, error) { return nil, v.err }
