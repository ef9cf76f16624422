package resolver

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"
)

// dbresolver's own names: of its callback, which its clauses call while the
// chain is built, and of the clause and the settings that they leave behind.
const (
	CallbackName = "gorm:db_resolver"
	UsingClause  = "gorm:db_resolver:using"
	writeSetting = "gorm:db_resolver:write"
	readSetting  = "gorm:db_resolver:read"
)

// UseKey is the key in a dbresolver.Use that stands in a statement.
func UseKey(using clause.Expression) string {
	return reflect.ValueOf(using).FieldByName("Use").String()
}

// Asked is dbresolver's Read or Write in a statement, or "". It allocates.
func Asked(stmt *gorm.Statement) dbresolver.Operation {
	if _, ok := stmt.Settings.Load(writeSetting); ok {
		return dbresolver.Write
	}
	if AskedRead(stmt) {
		return dbresolver.Read
	}
	return ""
}

// AskedRead reports whether dbresolver's Read stands in a statement.
func AskedRead(stmt *gorm.Statement) bool {
	_, ok := stmt.Settings.Load(readSetting)
	return ok
}
