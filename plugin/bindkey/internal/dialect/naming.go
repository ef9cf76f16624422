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
