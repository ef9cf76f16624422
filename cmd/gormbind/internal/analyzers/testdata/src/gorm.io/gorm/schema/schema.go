// Package schema has what a model may name of GORM's.
package schema

type Namer interface{ TableName(table string) string }
