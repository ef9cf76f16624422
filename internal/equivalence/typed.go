package equivalence

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// typed is what only generic code can do with a model.
type typed interface {
	pointer() any // *T
	slice() any   // *[]T
	chain(db *gorm.DB, steps []link) chain
	create(db *gorm.DB, pointer any) error
	createBatch(db *gorm.DB, pointer any, size int) error
	insert(db *gorm.DB, assigners []clause.Assigner) error
	raw(db *gorm.DB, sql string, args []any) (any, error)
	exec(db *gorm.DB, sql string, args []any) error
}

// A link is one step of a chain of the generics API.
type link struct {
	op    string
	query any
	args  []any
	join  clause.JoinTarget
	on    func(gorm.JoinBuilder, clause.Table, clause.Table) error
	pre   func(gorm.PreloadBuilder) error
}

// chain is [gorm.ChainInterface] without its type.
type chain interface {
	Find() (any, error)
	First() (any, error)
	Last() (any, error)
	Take() (any, error)
	Scan(into any) error
	Batches(size int) (any, error)
	Count(column string) (int64, error)
	Update(column string, value any) (int, error)
	Updates(pointer any) (int, error)
	Delete() (int, error)
	Set(assigners []clause.Assigner) (int, error)
	Expression() any // as a subquery
}

// background is the context of all calls.
var background = bindkey.WithTenant(context.Background(), tenant)

type typedOf[T any] struct{}

func (typedOf[T]) pointer() any { return new(T) }
func (typedOf[T]) slice() any   { return new([]T) }

func (typedOf[T]) create(db *gorm.DB, pointer any) error {
	return gorm.G[T](db).Create(background, pointer.(*T))
}

func (typedOf[T]) createBatch(db *gorm.DB, pointer any, size int) error {
	return gorm.G[T](db).CreateInBatches(background, pointer.(*[]T), size)
}

func (typedOf[T]) insert(db *gorm.DB, assigners []clause.Assigner) error {
	return gorm.G[T](db).Set(assigners...).Create(background)
}

func (typedOf[T]) raw(db *gorm.DB, sql string, args []any) (any, error) {
	return gorm.G[T](db).Raw(sql, args...).Find(background)
}

func (typedOf[T]) exec(db *gorm.DB, sql string, args []any) error {
	return gorm.G[T](db).Exec(background, sql, args...)
}

func (typedOf[T]) chain(db *gorm.DB, steps []link) chain {
	c := gorm.G[T](db).Scopes()
	for _, s := range steps {
		switch s.op {
		case "Where":
			c = c.Where(s.query, s.args...)
		case "Not":
			c = c.Not(s.query, s.args...)
		case "Or":
			c = c.Or(s.query, s.args...)
		case "Order":
			c = c.Order(s.query)
		case "Limit":
			c = c.Limit(s.query.(int))
		case "Offset":
			c = c.Offset(s.query.(int))
		case "Select":
			c = c.Select(s.query.(string), s.args...)
		case "Distinct":
			c = c.Distinct(s.args...)
		case "Group":
			c = c.Group(s.query.(string))
		case "Having":
			c = c.Having(s.query, s.args...)
		case "Joins":
			c = c.Joins(s.join, s.on)
		case "Preload":
			c = c.Preload(s.query.(string), s.pre)
		default:
			panic(s.op)
		}
	}
	return chainOf[T]{c}
}

type chainOf[T any] struct{ gorm.ChainInterface[T] }

func (c chainOf[T]) Find() (any, error)  { return c.ChainInterface.Find(background) }
func (c chainOf[T]) First() (any, error) { return c.ChainInterface.First(background) }
func (c chainOf[T]) Last() (any, error)  { return c.ChainInterface.Last(background) }
func (c chainOf[T]) Take() (any, error)  { return c.ChainInterface.Take(background) }
func (c chainOf[T]) Scan(into any) error { return c.ChainInterface.Scan(background, into) }
func (c chainOf[T]) Count(column string) (int64, error) {
	return c.ChainInterface.Count(background, column)
}

func (c chainOf[T]) Batches(size int) (any, error) {
	var all []T
	err := c.FindInBatches(background, size, func(data []T, batch int) error {
		if batch > maxBatches {
			return errEndless
		}
		all = append(all, data...)
		return nil
	})
	return all, err
}

func (c chainOf[T]) Update(column string, value any) (int, error) {
	return c.ChainInterface.Update(background, column, value)
}

func (c chainOf[T]) Updates(pointer any) (int, error) {
	return c.ChainInterface.Updates(background, *pointer.(*T))
}

func (c chainOf[T]) Delete() (int, error) { return c.ChainInterface.Delete(background) }

func (c chainOf[T]) Set(assigners []clause.Assigner) (int, error) {
	return c.ChainInterface.Set(assigners...).Update(background)
}

func (c chainOf[T]) Expression() any { return c.ChainInterface }
