package bindkey

import (
	"reflect"
	"runtime"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// What can't be known in any other way is read off the stack, here and nowhere
// else. TestStack fails when GORM's frames change.

var (
	ownPackage  = reflect.TypeOf(chainPool{}).PkgPath() + "."
	gormPackage = reflect.TypeOf(gorm.DB{}).PkgPath()
)

// transactionCaller tells who begins a transaction, which nothing else that
// reaches a pool's BeginTx or a dialector's SavePoint does: whether it was
// (*gorm.DB).Transaction, and whether GORM called that on its own account, around
// a finisher of several statements (CreateInBatches, some of the generics API) or
// a write. Only a handle with a Use is asked.
func transactionCaller() (transaction, gorms bool) {
	var callers [24]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	own := true
	for {
		frame, more := frames.Next()
		switch name := frame.Function; {
		case own && strings.HasPrefix(name, ownPackage):
		case name == gormPackage+".(*DB).Transaction":
			own, transaction = false, true
		case name == gormPackage+".(*DB).Begin", name == gormPackage+".(*DB).SavePoint", name == gormPackage+".(*PreparedStmtDB).BeginTx":
			own = false
		default:
			return transaction, strings.HasPrefix(name, gormPackage+".") || strings.HasPrefix(name, gormPackage+"/callbacks.")
		}
		if !more {
			return transaction, false
		}
	}
}

// preparesForStore reports whether GORM's store of prepared statements prepares one,
// and not the application.
func preparesForStore() bool {
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, gormPackage+"/internal/stmt_store.") {
			return true
		}
		if !more {
			return false
		}
	}
}

// isSubquery reports whether GORM runs the query callbacks to render a subquery,
// as AddVar and the generics' Build do, and not to finish a chain in DryRun. The
// stack is all that tells, so it is asked last.
func isSubquery(db *gorm.DB) bool {
	if !db.DryRun || db.Config.Logger != logger.Discard {
		return false
	}
	var callers [12]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == gormPackage+".(*processor).Execute" {
			caller, _ := frames.Next()
			return caller.Function == gormPackage+".(*Statement).AddVar" || strings.HasPrefix(caller.Function, gormPackage+".chainG[")
		}
		if !more {
			return false
		}
	}
}
