package sqlscan

import (
	"hash/maphash"
	"sync/atomic"
)

// A Cache remembers what was found in SQL, for texts that come again. It is two
// tables of a fixed size, in which a text overwrites another of the same place:
// bounded memory, and no lock. The zero value is empty and ready.
type Cache struct {
	short [4096]atomic.Pointer[memo]
	long  [16]atomic.Pointer[memo]
}

type memo struct {
	hash    uint64 // of text and dialect: most texts that differ differ here
	text    string
	dialect Dialect
	need    Need
	read    bool // and not only looked for need
	facts   Facts
}

// How long texts are, in bytes, to be remembered among the short or long ones.
// Longer ones are read each time.
const (
	shortText = 2 << 10
	longText  = 128 << 10
)

var seed = maphash.MakeSeed()

// recall is what is remembered of a text, or nil, and its place: nil for a text
// that is too long.
func (c *Cache) recall(text string, dialect Dialect) (known *memo, place *atomic.Pointer[memo], hash uint64) {
	if len(text) > longText {
		return nil, nil, 0
	}
	hash = maphash.String(seed, text) + uint64(dialect)
	if len(text) > shortText {
		place = &c.long[hash%uint64(len(c.long))]
	} else {
		place = &c.short[hash%uint64(len(c.short))]
	}
	known = place.Load()
	if known != nil && (known.hash != hash || known.dialect != dialect || known.text != text) {
		known = nil
	}
	return known, place, hash
}

// Scan finds the facts of a text of one or more statements.
func (c *Cache) Scan(sql string, d Dialect) Facts {
	known, place, hash := c.recall(sql, d)
	if known != nil && known.read {
		return known.facts
	}
	facts := scan(sql, d)
	if place != nil {
		place.Store(&memo{hash, sql, d, needOf(sql, d), true, facts})
	}
	return facts
}

// Need is what a text has that makes Scan, or rendering, worth its while: a look
// at its bytes alone, which may see too much, and never too little.
func (c *Cache) Need(sql string, d Dialect) Need {
	known, place, hash := c.recall(sql, d)
	if known != nil {
		return known.need
	}
	need := needOf(sql, d)
	if place != nil {
		place.Store(&memo{hash: hash, text: sql, dialect: d, need: need})
	}
	return need
}
