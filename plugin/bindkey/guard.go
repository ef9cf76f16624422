package bindkey

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// guardCallbacks makes a statement whose callbacks panic, or end the
// goroutine, roll its default transaction back on the way: GORM runs
// callbacks without a defer (callbacks.go), and the transaction's connections
// would never come back to their pools. It can only be done around each
// callback between BEGIN and COMMIT, those that GORM registers by name.
func (p *Plugin) guardCallbacks(db *gorm.DB) error {
	callbacks := db.Callback()
	create, update, remove := callbacks.Create(), callbacks.Update(), callbacks.Delete()

	// Replace announces itself in the log; there is nothing for a user in it.
	defer func(kept logger.Interface) { db.Config.Logger = kept }(db.Config.Logger)
	db.Config.Logger = logger.Discard

	var failures []error
	for _, processor := range []struct {
		get     func(string) func(*gorm.DB)
		replace func(string, func(*gorm.DB)) error
		names   []string
	}{
		{create.Get, create.Replace, createCallbacks},
		{update.Get, update.Replace, updateCallbacks},
		{remove.Get, remove.Replace, deleteCallbacks},
	} {
		for _, name := range processor.names {
			if callback := processor.get(name); callback != nil && name != beginCallback && name != endCallback {
				failures = append(failures, processor.replace(name, guarded(callback)))
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
