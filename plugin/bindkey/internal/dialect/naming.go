package dialect

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// IdentifierLimit is the length in bytes that a dialector gives GORM's naming
// strategy, or 0 where it gives none.
func IdentifierLimit(d gorm.Dialector) int {
	applier, ok := d.(interface{ Apply(*gorm.Config) error })
	if !ok {
		return 0
	}
	config := gorm.Config{NamingStrategy: schema.NamingStrategy{}}
	if err := applier.Apply(&config); err != nil {
		return 0
	}
	strategy, _ := config.NamingStrategy.(schema.NamingStrategy)
	return strategy.IdentifierMaxLength
}

// Exceeds reports whether a naming strategy makes names longer than a limit.
func Exceeds(strategy schema.Namer, limit int) bool {
	long := strings.Repeat("long", 64)
	return len(strategy.IndexName(long, long)) > limit
}

// defaultLimit is what GORM gives a naming strategy where nobody else does (gorm.go,
// Open; schema/naming.go).
const defaultLimit = 64

// ChosenLimit reports whether a program has given GORM's naming strategy its limit,
// and not GORM or the handle's dialector.
func ChosenLimit(strategy schema.Namer, handle gorm.Dialector) bool {
	limit := 0
	switch strategy := strategy.(type) {
	case schema.NamingStrategy:
		limit = strategy.IdentifierMaxLength
	case *schema.NamingStrategy:
		limit = strategy.IdentifierMaxLength
	}
	return limit != 0 && limit != defaultLimit && limit != IdentifierLimit(handle)
}

// Limited is GORM's naming strategy with a limit; an application's own can't be
// given one.
func Limited(strategy schema.Namer, limit int) (schema.Namer, bool) {
	switch strategy := strategy.(type) {
	case schema.NamingStrategy:
		strategy.IdentifierMaxLength = limit
		return strategy, true
	case *schema.NamingStrategy:
		limited := *strategy
		limited.IdentifierMaxLength = limit
		return &limited, true
	default:
		return nil, false
	}
}
