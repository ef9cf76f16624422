//go:build cgo

package sqlitedb

import "gorm.io/driver/sqlite"

// DriverName is the driver's name for [database/sql.Open].
const DriverName = sqlite.DriverName

// Cgo says that the driver is mattn's.
const Cgo = true

// New is what [Open] makes, for those who build upon it.
func New(dsn string) *sqlite.Dialector { return &sqlite.Dialector{DSN: dsn} }
