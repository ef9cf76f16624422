package main

import (
	"database/sql"
	"strconv"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// dialector speaks SQLite on a pool that is open already.
func dialector(pool *sql.DB) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) }

// accent is a second dialect that needs no server: SQLite with the quotes and
// the numbered variables of PostgreSQL.
type accent struct{ gorm.Dialector }

func (accent) Name() string { return "accent" }

func (accent) BindVarTo(writer clause.Writer, stmt *gorm.Statement, _ any) {
	_, _ = writer.WriteString("$" + strconv.Itoa(len(stmt.Vars)))
}

func (accent) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString(`"` + strings.ReplaceAll(strings.Trim(name, `"`), ".", `"."`) + `"`)
}
