package bindkey

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"
)

// The association operations of GORM's generics, G[T](db).Set(association) with
// unlink, delete and update, choose rows with subqueries on the owners:
// "fk IN (SELECT id FROM owners)" or "EXISTS (SELECT 1 FROM owners WHERE
// owners.id = join.fk)" (generics.go). Where these are in another database,
// splitSet asks for the keys first, and an IN takes the subquery's place. Only
// GORM's own subqueries are split: one of the application's is refused.

func (p *Plugin) splitSet(db *gorm.DB) error {
	stmt := db.Statement
	where, ok := stmt.Clauses["WHERE"].Expression.(clause.Where)
	if !ok || db.DryRun || !hasSubquery(where.Exprs) || !settingAssociation() {
		return nil
	}
	p.eachSchema(func(s *schema.Schema) { _ = p.askHome(s) }) // it names owners by Table alone
	d := destination{writes: true}
	if err := p.destination(stmt, &d); err != nil {
		return err
	}
	// Once without asking: what is refused is refused before anything is sent.
	for _, dry := range []bool{true, false} {
		exprs, err := p.splitConditions(db.Session(&gorm.Session{DryRun: dry}), where.Exprs, d.bind)
		if err != nil || exprs == nil {
			return err
		}
		replaceWhere(stmt, exprs)
		if dry {
			if err := p.crossingBefore(db); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		if given, ok := expr.(clause.Expr); ok {
			for _, value := range given.Vars {
				if _, ok := value.(*gorm.DB); ok {
					return true
				}
			}
		}
	}
	return false
}

// settingAssociation reports whether Set of GORM's generics calls: nothing else
// tells its subqueries from the application's.
func settingAssociation() bool {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, gormPackage+".setCreateOrUpdateG[") && strings.HasSuffix(frame.Function, ".handleAssociation") {
			return true
		}
		if !more {
			return false
		}
	}
}

// splitConditions are conditions in which no subquery leaves the bind, or nil
// where none does.
func (p *Plugin) splitConditions(db *gorm.DB, exprs []clause.Expression, at *bind) ([]clause.Expression, error) {
	var split []clause.Expression
	for i, expr := range exprs {
		given, ok := expr.(clause.Expr)
		if !ok || !hasSubquery([]clause.Expression{expr}) {
			continue
		}
		without, err := p.splitCondition(db, given, at)
		if err != nil {
			return nil, err
		}
		if without != nil {
			if split == nil {
				split = append(split, exprs...)
			}
			split[i] = without
		}
	}
	return split, nil
}

func (p *Plugin) splitCondition(db *gorm.DB, given clause.Expr, at *bind) (clause.Expression, error) {
	query, _ := given.Vars[len(given.Vars)-1].(*gorm.DB)
	if query == nil {
		return nil, nil
	}
	route, err := p.Explain(query)
	if err != nil {
		return nil, err
	}
	other, err := p.lookup(route.Key, "")
	if err != nil {
		return nil, err
	}
	inner := query.Session(&gorm.Session{})
	where, _ := inner.Statement.Clauses["WHERE"].Expression.(clause.Where)
	exprs, err := p.splitConditions(db, where.Exprs, other)
	if err != nil {
		return nil, err
	}
	if exprs == nil {
		exprs = where.Exprs
	} else if other.shares(at) {
		inner = inner.Where("1 = 1") // a copy of the statement
		replaceWhere(inner.Statement, exprs)
		values := append([]any(nil), given.Vars...)
		values[len(values)-1] = inner
		return clause.Expr{SQL: given.SQL, Vars: values, WithoutParentheses: given.WithoutParentheses}, nil
	}
	if other.shares(at) {
		return nil, nil
	}
	switch given.SQL {
	case "? IN (?)":
		columns, ok := given.Vars[0].([]any)
		if !ok {
			return nil, nil
		}
		return p.asked(db, inner, exprs, givenColumns(columns), inner.Statement.Selects, at)
	case "EXISTS (?)":
		var outer []clause.Column
		var own []string
		var rest []clause.Expression
		for _, expr := range exprs {
			eq, ok := expr.(clause.Eq)
			column, isColumn := eq.Column.(clause.Column)
			value, isValue := eq.Value.(clause.Column)
			if ok && isColumn && isValue && column.Table == inner.Statement.Table {
				own, outer = append(own, column.Name), append(outer, value)
			} else {
				rest = append(rest, expr)
			}
		}
		return p.asked(db, inner, rest, outer, own, at)
	}
	return nil, nil
}

func givenColumns(values []any) (columns []clause.Column) {
	for _, value := range values {
		if column, ok := value.(clause.Column); ok {
			columns = append(columns, column)
		}
	}
	return columns
}

// asked asks a subquery for the columns own, and is the condition that the
// columns outer have one of the answers. Where db is in DryRun, so is the
// question.
func (p *Plugin) asked(db, query *gorm.DB, exprs []clause.Expression, outer []clause.Column, own []string, at *bind) (clause.Expression, error) {
	if len(outer) == 0 || len(outer) != len(own) {
		return nil, nil // and so it is refused
	}
	question := query.Session(&gorm.Session{}).Select(own)
	replaceWhere(question.Statement, exprs)
	if question.Statement.Model == nil { // with the model, drivers know the types
		p.eachSchema(func(s *schema.Schema) {
			if s.Table == question.Statement.Table {
				question.Statement.Model = reflect.New(s.ModelType).Interface()
			}
		})
		question = question.Unscoped()
	}
	var rows []map[string]any
	// What is written depends on the answer: a replica may be behind.
	question = question.Clauses(dbresolver.Write)
	if db.DryRun {
		question = question.Session(&gorm.Session{DryRun: true, Logger: logger.Discard})
	}
	if err := question.Find(&rows).Error; err != nil {
		return nil, err
	}
	keys := make([][]any, 0, len(rows))
	told := map[string]bool{}
	for _, row := range rows {
		key := make([]any, len(own))
		for i, name := range own {
			key[i] = row[name]
		}
		if name := keyName(key); name != "" && !told[name] {
			told[name] = true
			keys = append(keys, key)
		}
	}
	if len(keys)*len(own) > variables(at) {
		return nil, &CrossBindError{
			Claims: []Claim{{Key: at.key, Source: "the statement"}, {Key: "", Source: fmt.Sprintf("a subquery of %d rows", len(keys))}},
			Way:    "across binds the keys are asked for first, and these are more than a statement can bind; narrow the owners with Where",
		}
	}
	return oneOf(outer, keys), nil
}
