package sqlscan

// A cte is visible once it is defined, or while it is if it is recursive.
type cte struct {
	name    string
	visible bool
}

// with begins a list of CTEs.
func (r *reader) with(level *levelState) {
	level.stage, level.expect, level.listed = prelude, cteName, true
	level.visible = r.dialect == SQLite || r.dialect == TransactSQL // no need of RECURSIVE
	level.since = len(r.names)
}

// define handles the name of a CTE, and not what else may follow WITH.
func (r *reader) define(level *levelState) {
	if r.ahead.key != kwAs && !r.isSign(r.ahead, '(') {
		return
	}
	name := r.unquoted(r.cur)
	if level.visible && r.dialect != TransactSQL {
		// A CTE before it may have named it already. (In MariaDB; in MySQL that
		// would be a table.)
		for i := level.since; i < len(r.names); i++ {
			if r.names[i] == name {
				r.names[i] = ""
				delete(r.many, name)
			}
		}
	}
	r.ctes = append(r.ctes, cte{name: name, visible: level.visible})
	level.awaits = len(r.ctes)
}

func (r *reader) isCTE(name string) bool {
	for i := len(r.ctes) - 1; i >= 0; i-- {
		if r.ctes[i].visible && r.ctes[i].name == name {
			return true
		}
	}
	return false
}
