// Package processor is GORM's six processors: which callbacks GORM and its dialectors
// register in each, by name, and how these are copied to another handle or wrapped.
package processor

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/logger"
)

// A Kind is the processor that a statement runs in.
type Kind uint8

// The processors of GORM.
const (
	Create Kind = iota
	Query
	Update
	Delete
	Row // Row, Rows, Scan
	Raw // Exec
	Kinds
)

// Writes reports whether a processor has statements that write, and no others.
func (k Kind) Writes() bool {
	return k == Create || k == Update || k == Delete
}

// A Processor is one of a handle's six, whose type GORM does not export.
type Processor interface {
	Get(name string) func(*gorm.DB)
	Register(name string, callback func(*gorm.DB)) error
	Replace(name string, callback func(*gorm.DB)) error
}

// A Place is where a callback is registered: before or after another.
type Place interface {
	Register(name string, callback func(*gorm.DB)) error
	Replace(name string, callback func(*gorm.DB)) error
}

// Of are the processors of a handle, by kind.
func Of(db *gorm.DB) [Kinds]Processor {
	of := db.Callback()
	return [Kinds]Processor{of.Create(), of.Query(), of.Update(), of.Delete(), of.Row(), of.Raw()}
}

// First is the place of a callback that runs before all others. Of several, GORM
// runs the one that was registered last first.
func First(db *gorm.DB, kind Kind) Place {
	of := db.Callback()
	switch kind {
	case Create:
		return of.Create().Before("*")
	case Query:
		return of.Query().Before("*")
	case Update:
		return of.Update().Before("*")
	case Delete:
		return of.Delete().Before("*")
	case Row:
		return of.Row().Before("*")
	default:
		return of.Raw().Before("*")
	}
}

// Clauses are those that each processor builds, in their order.
func Clauses(db *gorm.DB) [Kinds][]string {
	var clauses [Kinds][]string
	for kind, at := range clausesOf(db) {
		clauses[kind] = *at
	}
	return clauses
}

func clausesOf(db *gorm.DB) [Kinds]*[]string {
	of := db.Callback()
	return [Kinds]*[]string{&of.Create().Clauses, &of.Query().Clauses, &of.Update().Clauses,
		&of.Delete().Clauses, &of.Row().Clauses, &of.Raw().Clauses}
}

// Sends are the names of the callbacks that render a statement and send it.
var Sends = [Kinds]string{"gorm:create", "gorm:query", "gorm:update", "gorm:delete", "gorm:row", "gorm:raw"}

const (
	beginName = "gorm:begin_transaction"
	endName   = "gorm:commit_or_rollback_transaction"
)

// names are the callbacks that GORM and its dialectors register, in the order
// they run in (callbacks/callbacks.go).
var names = [Kinds][]string{
	Create: {beginName, "gorm:before_create", "gorm:save_before_associations",
		"gorm:create", "gorm:save_after_associations", "gorm:after_create", endName},
	Query: {"gorm:query", "gorm:preload", "gorm:after_query"},
	Update: {beginName, "gorm:setup_reflect_value", "gorm:before_update",
		"gorm:save_before_associations", "gorm:update", "gorm:save_after_associations", "gorm:after_update", endName},
	Delete: {beginName, "gorm:before_delete", "gorm:delete_before_associations",
		"gorm:delete", "gorm:after_delete", endName},
	Row: {"gorm:row"},
	Raw: {"gorm:raw"},
}

// Copy copies GORM's and the dialect's callbacks and clauses to another handle, and
// those of no plugin.
func Copy(from, to *gorm.DB) {
	source, target := Of(from), Of(to)
	for kind, processor := range source {
		for _, name := range names[kind] {
			if callback := processor.Get(name); callback != nil {
				_ = target[kind].Register(name, callback) // in order, so that no conflict can arise
			}
		}
	}
	for kind, at := range clausesOf(to) {
		*at = *clausesOf(from)[kind]
	}
}

// Wrap replaces the callbacks that begin the default transaction by what begins
// makes of them, those that end it by what ends makes of them, and those that send a
// statement by what sends makes of them. A panic in a write's callbacks rolls the
// default transaction back.
func Wrap(db *gorm.DB, begins, ends, sends func(Kind, func(*gorm.DB)) func(*gorm.DB)) error {
	// Replace announces itself in the log; there is nothing for a user in it.
	defer func(kept logger.Interface) { db.Config.Logger = kept }(db.Config.Logger)
	db.Config.Logger = logger.Discard

	var failures []error
	for at, processor := range Of(db) {
		kind := Kind(at)
		for _, name := range names[kind] {
			callback := processor.Get(name)
			switch {
			case callback == nil:
				continue
			case name == endName:
				callback = ends(kind, callback)
			case name == beginName:
				callback = begins(kind, callback)
			case name == Sends[kind]:
				callback = sends(kind, callback)
			case !kind.Writes():
				continue
			}
			if name != beginName && name != endName && kind.Writes() {
				callback = rollbackOnPanic(callback)
			}
			failures = append(failures, processor.Replace(name, callback))
		}
	}
	return errors.Join(failures...)
}

// AddTransactions registers the callbacks of GORM's default transaction, which GORM
// leaves out of a handle with SkipDefaultTransaction.
func AddTransactions(db *gorm.DB) error {
	begin, end := callbacks.BeginTransaction, callbacks.CommitOrRollbackTransaction
	create, update, remove := db.Callback().Create(), db.Callback().Update(), db.Callback().Delete()
	return errors.Join(
		create.Before("gorm:before_create").Register(beginName, begin),
		create.After("gorm:after_create").Register(endName, end),
		update.Before("gorm:setup_reflect_value").Register(beginName, begin),
		update.After("gorm:after_update").Register(endName, end),
		remove.Before("gorm:before_delete").Register(beginName, begin),
		remove.After("gorm:after_delete").Register(endName, end),
	)
}

// AroundDerived registers callbacks around those of GORM that save, delete or
// preload associations.
func AroundDerived(db *gorm.DB, name string, begin, end func(*gorm.DB)) error {
	var failures []error
	around := func(suffix string, before, after Place) {
		failures = append(failures, before.Register(name+":begin_derived"+suffix, begin), after.Register(name+":end_derived"+suffix, end))
	}
	create, query, update, remove := db.Callback().Create(), db.Callback().Query(), db.Callback().Update(), db.Callback().Delete()
	around("_before", create.Before("gorm:save_before_associations"), create.After("gorm:save_before_associations").Before("gorm:create"))
	around("_after", create.After("gorm:create").Before("gorm:save_after_associations"), create.After("gorm:save_after_associations").Before("gorm:after_create"))
	around("_before", update.Before("gorm:save_before_associations"), update.After("gorm:save_before_associations").Before("gorm:update"))
	around("_after", update.After("gorm:update").Before("gorm:save_after_associations"), update.After("gorm:save_after_associations").Before("gorm:after_update"))
	around("", remove.Before("gorm:delete_before_associations"), remove.After("gorm:delete_before_associations").Before("gorm:delete"))
	around("", query.Before("gorm:preload"), query.After("gorm:preload").Before("gorm:after_query"))
	return errors.Join(failures...)
}
