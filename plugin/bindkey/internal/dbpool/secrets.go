package dbpool

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
)

// sourceOf is the DSN of a dialector or of its pool, to be told of without its
// password. Either may be nil.
func sourceOf(d gorm.Dialector, conn gorm.ConnPool) dsn.Source {
	source := dsn.Of(d)
	if source.DSN == "" || Supplied(d) {
		source.DSN = dsnOfPool(conn)
	}
	return source
}
