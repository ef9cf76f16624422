package bindotel

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// A query is what a span tells of a text of SQL.
type query struct {
	text    string // without literals; "" where it is not certain what they are
	summary string // "SELECT users logs"; "" in the same case
	verb    string // the first word, if it is known
	// operation is the only one, and single says that there is one table.
	operation string
	single    bool
}

const (
	longestText    = 8 << 10 // of a span, and as far as SQL is read
	longestSummary = 255     // as the conventions want
)

// readQuery reads a text in the dialect of a system.
func readQuery(text, system string) *query {
	r := reader{lexer: lexer{src: text, system: system}, levels: []level{{first: true}}}
	q := &query{}
	var out strings.Builder
	for t := r.next(); t.kind != endToken; t = r.next() {
		if out.Len() > longestText {
			out.WriteString(" …")
			break
		}
		if t.spaced && out.Len() > 0 {
			out.WriteByte(' ')
		}
		word := text[t.start:t.end]
		if t.kind == literalToken || t.kind == wordToken && (strings.EqualFold(word, "TRUE") || strings.EqualFold(word, "FALSE")) {
			word = "?"
		}
		out.WriteString(word)
		r.read(t)
		if q.verb == "" && len(r.operations) > 0 {
			q.verb = r.operations[0]
		}
	}
	if r.failed {
		return q
	}
	r.endTarget()
	q.text, q.summary = strings.ToValidUTF8(out.String(), "?"), r.summary()
	if len(r.operations) == 1 {
		q.operation = r.operations[0]
	}
	q.single = r.oneTarget()
	return q
}

// A cache remembers queries, since texts come again. It is of fixed size, and takes no
// lock: each place has one, the last.
type cache struct {
	seed   maphash.Seed
	places [1024]atomic.Pointer[cached]
}

type cached struct {
	text, system string
	query        *query
}

func (c *cache) of(text, system string) *query {
	if len(text) > longestText {
		return readQuery(text, system)
	}
	at := &c.places[maphash.String(c.seed, text)%uint64(len(c.places))]
	if known := at.Load(); known != nil && known.text == text && known.system == system {
		return known.query
	}
	read := &cached{text, system, readQuery(text, system)}
	at.Store(read)
	return read.query
}
