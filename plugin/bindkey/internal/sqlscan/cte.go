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
		r.takeBack(name, level.since)
	}
	r.ctes = append(r.ctes, cte{name: name})
	level.awaits = len(r.ctes)
	if level.visible {
		r.show(level.awaits)
	}
}

// show makes the CTE of a number visible, which begins at 1.
func (r *reader) show(number int) {
	c := &r.ctes[number-1]
	if r.inSight != nil && !c.visible {
		r.inSight[c.name]++
	}
	c.visible = true
	if r.inSight == nil && len(r.ctes) >= many {
		r.inSight = map[string]int{}
		for _, known := range r.ctes {
			if known.visible {
				r.inSight[known.name]++
			}
		}
	}
}

// hide takes the CTEs out of sight behind the first few.
func (r *reader) hide(but int) {
	for _, c := range r.ctes[but:] {
		if r.inSight != nil && c.visible {
			r.inSight[c.name]--
		}
	}
	r.ctes = r.ctes[:but]
}

func (r *reader) isCTE(name string) bool {
	if r.inSight != nil {
		return r.inSight[name] > 0
	}
	for i := len(r.ctes) - 1; i >= 0; i-- {
		if r.ctes[i].visible && r.ctes[i].name == name {
			return true
		}
	}
	return false
}
