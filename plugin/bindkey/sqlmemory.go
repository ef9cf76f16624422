package bindkey

import (
	"hash/maphash"
	"sync/atomic"
)

// sqlMemory remembers what was found in SQL, for texts that come again. It is two
// tables of a fixed size, in which a text overwrites another of the same place:
// bounded memory, and no lock.
type sqlMemory struct {
	short [4096]atomic.Pointer[sqlMemo]
	long  [16]atomic.Pointer[sqlMemo]
}

type sqlMemo struct {
	hash    uint64 // of text and written: most texts that differ differ here
	text    string
	written lexicon
	glance  glance
	read    bool // and not only glanced at
	facts   sqlFacts
}

// How long texts are, in bytes, to be remembered among the short or long ones.
// Longer ones are read each time.
const (
	shortText = 2 << 10
	longText  = 128 << 10
)

var sqlSeed = maphash.MakeSeed()

// recall is what is remembered of a text, or nil, and its place: nil for a text
// that is too long.
func (m *sqlMemory) recall(text string, written lexicon) (memo *sqlMemo, place *atomic.Pointer[sqlMemo], hash uint64) {
	if len(text) > longText {
		return nil, nil, 0
	}
	hash = maphash.String(sqlSeed, text) + uint64(written)
	if len(text) > shortText {
		place = &m.long[hash%uint64(len(m.long))]
	} else {
		place = &m.short[hash%uint64(len(m.short))]
	}
	memo = place.Load()
	if memo != nil && (memo.hash != hash || memo.written != written || memo.text != text) {
		memo = nil
	}
	return memo, place, hash
}

// read is readSQL, with a memory.
func (p *Plugin) read(text string, written lexicon) sqlFacts {
	memo, place, hash := p.memory.recall(text, written)
	if memo != nil && memo.read {
		return memo.facts
	}
	facts := readSQL(text, written)
	if place != nil {
		place.Store(&sqlMemo{hash, text, written, glanceAt(text), true, facts})
	}
	return facts
}

// glance is glanceAt, with a memory.
func (p *Plugin) glance(text string, written lexicon) glance {
	memo, place, hash := p.memory.recall(text, written)
	if memo != nil {
		return memo.glance
	}
	seen := glanceAt(text)
	if place != nil {
		place.Store(&sqlMemo{hash: hash, text: text, written: written, glance: seen})
	}
	return seen
}
