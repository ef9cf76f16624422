package main

import (
	"fmt"
	"reflect"

	lab "github.com/gormbind/gormbind/internal/benchlab"
)

// Event is a model without relations.
type Event struct {
	_     struct{} `bind:"analytics"`
	ID    uint
	Name  string
	Level int
}

// chain makes an Even with so many links below it.
func chain(depth int) *lab.Even {
	top := &lab.Even{}
	if depth > 0 {
		top.Child = &lab.Odd{}
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
