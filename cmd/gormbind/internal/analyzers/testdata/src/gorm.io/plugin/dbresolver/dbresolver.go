// Package dbresolver has what the analyzers look for in dbresolver.
package dbresolver

type (
	Config     struct{}
	DBResolver struct{}
	Operation  string
)

const Write Operation = "write"

func Register(config Config, datas ...any) *DBResolver                  { return nil }
func Use(str string) any                                                { return nil }
func (dr *DBResolver) Register(config Config, datas ...any) *DBResolver { return dr }
