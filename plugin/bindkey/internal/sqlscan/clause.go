package sqlscan

// clause handles a keyword of a query, or of a statement that writes rows.
func (r *reader) clause(level *levelState) {
	switch r.cur.key {
	case kwSelect:
		level.reset(beforeFrom)
	case kwValues:
		if level.stage == prelude || level.stage == inInsert || r.isSign(r.prev, '(') {
			level.stage = afterTables
		}
	case kwTable:
		level.expect = readTable
		if level.stage == prelude || level.stage == inInsert {
			level.stage = afterTables
		}
	case kwWith:
		if isName(r.ahead) && (level.stage == prelude || level.stage == inInsert || r.isSign(r.prev, '(')) {
			r.with(level)
		}
	case kwFrom:
		if level.stage == inDelete || level.stage == beforeFrom && r.prev.key != kwDistinct { // IS DISTINCT FROM
			r.tables(level)
		}
	case kwUsing:
		if level.using {
			r.tables(level)
		}
	case kwJoin:
		if level.stage == inTables {
			level.expect, level.using = readTable, false
		}
	case kwApply:
		if level.stage == inTables && r.prev.key == kwCross {
			level.expect = readTable
		}
	case kwInto:
		if level.stage != prelude {
			r.reads = false
			level.expect = writtenTable
		}
		if level.stage == inTables {
			level.stage = afterTables
		}
	case kwSet:
		switch {
		case level.updating:
			level.stage, level.updating = beforeFrom, false
		case level.stage == inTables || level.stage == inInsert:
			level.stage = afterTables
		}
	case kwOutput:
		if level.stage == inDelete {
			level.stage = beforeFrom
		}
	case kwWhere:
		if level.stage != prelude {
			level.stage = afterTables
		}
	case kwGroup, kwOrder, kwLimit:
		if level.stage == inTables || level.stage == inDelete {
			level.stage = afterTables
		}
	case kwDuplicate:
		if r.prev.key == kwOn && r.ahead.key == kwKey {
			level.stage = afterTables
		}
	case kwFor:
		r.lock(level)
	case kwReferences:
		level.expect = writtenTable
	case kwIn:
		if r.dialect == SQLite && !r.isSign(r.ahead, '(') {
			level.expect = readTable // SQLite takes a table for its rows
		}
	}
	r.effect()
}

// tables begins a list of tables.
func (r *reader) tables(level *levelState) {
	level.stage, level.expect, level.using = inTables, readTable, false
	level.aliases = level.targeted
}

// lock handles FOR: a lock, a hint, or the end of the tables.
func (r *reader) lock(level *levelState) {
	switch r.ahead.key {
	case kwUpdate, kwShare, kwNo, kwKey:
		r.reads = false
	case kwJoin, kwOrder, kwGroup:
		r.next() // USE INDEX FOR JOIN (…): MySQL
		return
	case kwSystemTime:
		return
	}
	if level.stage == inTables {
		level.stage = afterTables
	}
}

// effect handles the other words of a query that change or lock something.
func (r *reader) effect() {
	switch key := r.cur.key; {
	case key == kwShare && r.prev.key == kwIn, // LOCK IN SHARE MODE
		key == kwLocked && r.prev.key == kwSkip,
		key == kwValue && r.prev.key == kwNext && r.ahead.key == kwFor,
		key == kwEffect && r.isSign(r.ahead, '('):
		r.reads = false
	}
}
