package main

import (
	"fmt"
	"reflect"
)

// The models: User in the default bind, LogEntry in another.
type (
	User struct {
		_    struct{} `bind:"main"`
		ID   uint
		Name string
		Logs []LogEntry
	}
	LogEntry struct {
		ID     uint
		UserID uint
		Event  string
		Level  int
	}
)

// Bind is the bind key.
func (LogEntry) Bind() string { return other }

// TableName is the table's name.
func (LogEntry) TableName() string { return "logs" }

// Even and Odd are the links of a chain that changes the bind at every link.
type (
	Even struct {
		_     struct{} `bind:"main"`
		ID    uint
		OddID uint
		Child *Odd `gorm:"foreignKey:EvenID"`
	}
	Odd struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		EvenID uint
		Child  *Even `gorm:"foreignKey:OddID"`
	}
)

// Event is a model without relations.
type Event struct {
	_     struct{} `bind:"analytics"`
	ID    uint
	Name  string
	Level int
}

// chain makes an Even with so many links below it.
func chain(depth int) *Even {
	top := &Even{}
	if depth > 0 {
		top.Child = &Odd{}
	}
	if depth > 1 {
		top.Child.Child = chain(depth - 2)
	}
	return top
}

// manyModels makes models of different types in the bind analytics, as a
// program does that has so many. Types that reflection makes have no name, and
// so GORM's table name for them is empty: they are for DryRun.
func manyModels(count int) []any {
	models := make([]any, count)
	for i := range models {
		models[i] = reflect.New(reflect.StructOf([]reflect.StructField{
			{Name: "ID", Type: reflect.TypeOf(uint(0)), Tag: `bind:"analytics"`},
			{Name: fmt.Sprint("Name", i), Type: reflect.TypeOf("")},
			{Name: "Level", Type: reflect.TypeOf(0)},
		})).Interface()
	}
	return models
}
