// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). The wrappers of GORM's callbacks are on
// the way from there to each statement of an association.

package processor

import "gorm.io/gorm"

// startedSetting is what GORM's begin callback leaves in the statement.
const startedSetting = "gorm:started_transaction"

// rollbackOnPanic wraps a callback: if it panics, or ends the goroutine, the
// default transaction is rolled back on the way. GORM runs callbacks without a
// defer (callbacks.go), and the transaction's connections would never come back to
// their pools. It can only be done around each callback between BEGIN and COMMIT.
func rollbackOnPanic(callback func(*gorm.DB)) func(*gorm.DB) {
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
