package bindkey

import (
	"hash/maphash"
	"sync/atomic"
)

// sqlMemory remembers what was read of SQL, for texts that come again. It is two
// tables of a fixed size, in which a text overwrites another of the same place:
// bounded memory, and no lock.
type sqlMemory struct {
	short [1024]atomic.Pointer[sqlMemo]
	long  [16]atomic.Pointer[sqlMemo]
}

type sqlMemo struct {
	text    string
	written lexicon
	facts   sqlFacts
}

// How long texts are, in bytes, to be remembered among the short or long ones.
// Longer ones are read each time.
const (
	shortText = 4 << 10
	longText  = 128 << 10
)

var sqlSeed = maphash.MakeSeed()

// place is where a text is remembered, or nil.
func (m *sqlMemory) place(text string, written lexicon) *atomic.Pointer[sqlMemo] {
	if len(text) > longText {
		return nil
	}
	hash := maphash.String(sqlSeed, text) + uint64(written)
	if len(text) > shortText {
		return &m.long[hash%uint64(len(m.long))]
	}
	return &m.short[hash%uint64(len(m.short))]
}

// read is readSQL, with a memory.
func (p *Plugin) read(text string, written lexicon) sqlFacts {
	place := p.memory.place(text, written)
	if place == nil {
		return readSQL(text, written)
	}
	if memo := place.Load(); memo != nil && memo.written == written && memo.text == text {
		return memo.facts
	}
	facts := readSQL(text, written)
	place.Store(&sqlMemo{text, written, facts})
	return facts
}
