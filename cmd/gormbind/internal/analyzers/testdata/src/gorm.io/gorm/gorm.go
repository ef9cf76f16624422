// Package gorm has what the analyzers look for in GORM: real modules are in the
// tests of the command.
package gorm

import "context"

type (
	Config struct{}
	Model  struct{ ID uint }
	DB     struct {
		*Config
		Error error
	}
	Session          struct{ NewDB bool }
	Association      struct{ Error error }
	Dialector        interface{}
	Plugin           interface{}
	Interface[T any] struct{}
)

func Open(dialector Dialector, options ...any) (*DB, error) { return nil, nil }
func G[T any](db *DB) Interface[T]                          { return Interface[T]{} }

func (db *DB) Association(column string) *Association                      { return nil }
func (db *DB) AutoMigrate(models ...any) error                             { return nil }
func (db *DB) Begin() *DB                                                  { return db }
func (db *DB) Clauses(conds ...any) *DB                                    { return db }
func (db *DB) Commit() *DB                                                 { return db }
func (db *DB) Count(count *int64) *DB                                      { return db }
func (db *DB) Create(value any) *DB                                        { return db }
func (db *DB) Delete(value any, conds ...any) *DB                          { return db }
func (db *DB) Exec(sql string, values ...any) *DB                          { return db }
func (db *DB) Find(dest any, conds ...any) *DB                             { return db }
func (db *DB) FindInBatches(dest any, n int, fc func(*DB, int) error) *DB  { return db }
func (db *DB) First(dest any, conds ...any) *DB                            { return db }
func (db *DB) InnerJoins(query string, args ...any) *DB                    { return db }
func (db *DB) Joins(query string, args ...any) *DB                         { return db }
func (db *DB) Limit(n int) *DB                                             { return db }
func (db *DB) Model(value any) *DB                                         { return db }
func (db *DB) Save(value any) *DB                                          { return db }
func (db *DB) Scan(dest any) *DB                                           { return db }
func (db *DB) Scopes(funcs ...func(*DB) *DB) *DB                           { return db }
func (db *DB) Select(query any, args ...any) *DB                           { return db }
func (db *DB) Session(config *Session) *DB                                 { return db }
func (db *DB) SetupJoinTable(model any, field string, joinTable any) error { return nil }
func (db *DB) Table(name string, args ...any) *DB                          { return db }
func (db *DB) Transaction(fc func(tx *DB) error) error                     { return nil }
func (db *DB) Use(plugin Plugin) error                                     { return nil }
func (db *DB) Where(query any, args ...any) *DB                            { return db }
func (db *DB) WithContext(ctx context.Context) *DB                         { return db }
func (a *Association) Append(values ...any) error                          { return nil }
