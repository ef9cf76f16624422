package dialect

import (
	"hash/maphash"
	"reflect"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// quotedNames remembers how a dialect quotes names, which dialectors write anew,
// byte by byte, in every statement. That takes longer than to look a name up,
// by about as much in a statement as it takes to route it.
//
// It has a fixed size: a name whose place another has is quoted each time.
type quotedNames [512]atomic.Pointer[quotedName]

type quotedName struct{ name, quoted string }

// longestQuoted is how long a name is, in bytes, to be remembered: a database's
// own are shorter, and the rest may be anybody's.
const longestQuoted = 64

// quotesAlike reports whether a dialector quotes a name always alike. Those of
// GORM do; another may look at more than the name.
func quotesAlike(d gorm.Dialector) bool {
	t := reflect.TypeOf(d)
	return t.Kind() == reflect.Pointer && strings.HasPrefix(t.Elem().PkgPath(), "gorm.io/driver/")
}

var quoteSeed = maphash.MakeSeed()

// QuoteTo writes a quoted name, without what could be taken for a mark.
func (d *Dialect) QuoteTo(writer clause.Writer, name string) {
	if d.quoted == nil || len(name) > longestQuoted {
		d.Dialector.QuoteTo(writer, neutral.Unmark(name))
		return
	}
	place := &d.quoted[maphash.String(quoteSeed, name)%uint64(len(d.quoted))]
	known := place.Load()
	if known == nil {
		var quoted strings.Builder
		d.Dialector.QuoteTo(&quoted, neutral.Unmark(name))
		known = &quotedName{strings.Clone(name), quoted.String()}
		place.Store(known)
	}
	if known.name != name {
		d.Dialector.QuoteTo(writer, neutral.Unmark(name))
		return
	}
	_, _ = writer.WriteString(known.quoted)
}
