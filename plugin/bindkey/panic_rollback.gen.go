// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). The wrappers of GORM's callbacks are on
// the way from there to each statement of an association.

package bindkey

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// guardCallbacks wraps the callbacks that GORM registers by name.
//
// A statement whose callbacks panic, or end the goroutine, rolls its default
// transaction back on the way: GORM runs callbacks without a defer
// (callbacks.go), and the transaction's connections would never come back to
// their pools. It can only be done around each callback between BEGIN and
// COMMIT. And the callbacks that send a statement do so in the dialect of their
// bind.
func (p *Plugin) guardCallbacks(db *gorm.DB) error {
	callbacks := db.Callback()
	create, query, update := callbacks.Create(), callbacks.Query(), callbacks.Update()
	remove, row, raw := callbacks.Delete(), callbacks.Row(), callbacks.Raw()

	// Replace announces itself in the log; there is nothing for a user in it.
	defer func(kept logger.Interface) { db.Config.Logger = kept }(db.Config.Logger)
	db.Config.Logger = logger.Discard

	var failures []error
	for _, processor := range []struct {
		get     func(string) func(*gorm.DB)
		replace func(string, func(*gorm.DB)) error
		names   []string
		sends   string
		kind    statementKind
	}{
		{create.Get, create.Replace, createCallbacks, "gorm:create", createStatement},
		{query.Get, query.Replace, queryCallbacks, "gorm:query", queryStatement},
		{update.Get, update.Replace, updateCallbacks, "gorm:update", updateStatement},
		{remove.Get, remove.Replace, deleteCallbacks, "gorm:delete", deleteStatement},
		{row.Get, row.Replace, rowCallbacks, "gorm:row", rowStatement},
		{raw.Get, raw.Replace, rawCallbacks, "gorm:raw", rawStatement},
	} {
		for _, name := range processor.names {
			callback := processor.get(name)
			if callback == nil || name == endCallback {
				continue
			}
			if name == beginCallback {
				failures = append(failures, processor.replace(name, p.beginning(processor.kind, callback)))
				continue
			}
			wrapped := callback
			if name == processor.sends {
				wrapped = p.sending(processor.kind, wrapped)
			}
			if processor.kind.Writes() {
				wrapped = guarded(wrapped)
			}
			if name == processor.sends || processor.kind.Writes() {
				failures = append(failures, processor.replace(name, wrapped))
			}
		}
	}
	return errors.Join(failures...)
}

// The callbacks that GORM and its dialectors register, by name, in the order
// they run in (callbacks/callbacks.go).
var (
	createCallbacks = []string{beginCallback, "gorm:before_create", "gorm:save_before_associations",
		"gorm:create", "gorm:save_after_associations", "gorm:after_create", endCallback}
	updateCallbacks = []string{beginCallback, "gorm:setup_reflect_value", "gorm:before_update",
		"gorm:save_before_associations", "gorm:update", "gorm:save_after_associations", "gorm:after_update", endCallback}
	deleteCallbacks = []string{beginCallback, "gorm:before_delete", "gorm:delete_before_associations",
		"gorm:delete", "gorm:after_delete", endCallback}
	queryCallbacks = []string{"gorm:query", "gorm:preload", "gorm:after_query"}
	rowCallbacks   = []string{"gorm:row"}
	rawCallbacks   = []string{"gorm:raw"}
)

const (
	beginCallback = "gorm:begin_transaction"
	endCallback   = "gorm:commit_or_rollback_transaction"
	// startedSetting is what GORM's begin callback leaves in the statement.
	startedSetting = "gorm:started_transaction"
)

func guarded(callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		returned := false
		defer func() {
			if returned {
				return
			}
			if _, ok := db.InstanceGet(startedSetting); ok {
				db.Rollback()
				db.Statement.ConnPool = db.Config.ConnPool
			}
		}()
		callback(db)
		returned = true
	}
}
