package sqlscan

import "strings"

// firstWord handles the first word of a statement, or of a parenthesis.
func (r *reader) firstWord(level *levelState) {
	outermost := r.depth == 0
	r.started = r.started || outermost
	level.stage = afterTables
	switch r.cur.key {
	case kwSelect, kwTable, kwFor:
		r.clause(level)
		return
	case kwWith:
		r.with(level)
		return
	case kwValues:
		return
	case kwLike: // CREATE TABLE t (LIKE u)
		level.expect = writtenTable
		return
	case kwInsert, kwReplace, kwMerge, kwUpdate, kwDelete:
		if level.statement {
			r.change(level)
			return
		}
	}
	if !outermost {
		r.effect()
		return
	}
	r.reads = false
	level.stage = inCommand
	switch r.cur.key {
	case kwExplain, kwDescribe:
		level.stage = prelude
	case kwGrant:
		level.stage = inGrant
	case kwCreate, kwAlter:
		level.single = true
	case kwTruncate, kwVacuum, kwAnalyze, kwLock:
		level.expect, level.object = writtenTable, kwTable
	case kwCopy:
		level.expect = writtenTable
	case kwRename:
		level.to = r.ahead.key == kwTable
	}
}

// change begins a statement that writes rows.
func (r *reader) change(level *levelState) {
	r.reads = false
	r.addTargets()
	switch r.cur.key {
	case kwUpdate:
		level.reset(inTables)
		level.expect, level.targeted, level.updating = targetTable, true, true
	case kwDelete:
		level.reset(inDelete)
		level.expect, level.targeted, level.using = targetTable, true, true
	default:
		level.reset(inInsert)
		level.expect, level.using = writtenTable, r.cur.key == kwMerge
	}
}

// embedded begins a statement inside another: behind EXPLAIN or WITH, or in a
// trigger, procedure or rule.
func (r *reader) embedded(level *levelState) bool {
	switch r.cur.key {
	case kwInsert, kwReplace, kwMerge, kwUpdate, kwDelete:
		if level.stage == prelude ||
			level.stage == inCommand && (r.prev.key == kwBegin || r.prev.key == kwThen || r.prev.key == kwAs) {
			r.change(level)
			return true
		}
	case kwCreate, kwAlter, kwDrop, kwTruncate, kwExec:
		if level.stage == prelude {
			r.addTargets()
			level.reset(opening)
			r.firstWord(level)
			return true
		}
	}
	return false
}

// command handles a keyword of DDL, or of any other statement.
func (r *reader) command(level *levelState) {
	key, prev := r.cur.key, r.prev.key
	named := level.object == noKeyword // what the command is about comes first
	table := false
	switch key {
	case kwSelect:
		r.clause(level)
	case kwBegin:
		if prev == kwBegin && r.dialect == Postgres && strings.EqualFold(r.src[r.cur.start:r.cur.end], "ATOMIC") {
			r.control.body = true
		}
	case kwWith:
		if prev == kwAs || prev == kwFor || prev == kwBegin || prev == kwThen {
			r.with(level)
		}
	case kwTable:
		table = prev != kwShow || r.ahead.key != kwStatus
		if named {
			level.object = kwTable
		}
	case kwView, kwIndex, kwRule, kwStatistics:
		if named {
			level.object = key
			table, level.on, level.to = key == kwView, key == kwIndex, key == kwRule
		}
		// COMMENT ON …, DROP INDEX i ON t
	case kwColumn:
		if prev == kwOn {
			level.expect = columnTable
		}
	case kwOn:
		table, level.on = level.on, false
	case kwTo, kwAs:
		table = key == kwTo && level.to || prev == kwRename && (level.object == kwTable || level.object == kwView)
	case kwLike:
		table = level.single && level.object == kwTable
	case kwOf:
		table = prev == kwPartition
	case kwPartition:
		table = prev == kwAttach
	case kwFrom, kwIn:
		table = prev == kwColumns || prev == kwIndex || level.object == kwStatistics
	case kwReferences, kwIdentityInsert:
		table = true
	case kwSet:
		level.single = true // LOAD DATA … INTO TABLE t SET a = 1, b = 2
	}
	if table {
		level.expect = writtenTable
	}
}

// grant handles GRANT and REVOKE, whose other keywords are privileges.
func (r *reader) grant(level *levelState) {
	switch r.cur.key {
	case kwOn:
		level.expect, level.on = writtenTable, true
	case kwTable:
		if r.prev.key == kwOn {
			level.expect = writtenTable
		}
	case kwTo, kwFrom:
		level.on = false
	}
}

// described handles DESCRIBE t, EXPLAIN t and REINDEX t.
func (r *reader) described(level *levelState) {
	if level.stage == prelude && (r.prev.key == kwExplain || r.prev.key == kwDescribe) &&
		(r.ahead.kind == endToken || r.isSign(r.ahead, ';') || r.isSign(r.ahead, '.')) {
		r.table(level, writtenTable)
	}
}

// modifies reports whether the word where a name should be comes before it.
func (r *reader) modifies(level *levelState) bool {
	switch r.cur.key {
	case noKeyword:
		if level.stage == inGrant && r.ahead.kind == wordToken && r.ahead.key != kwTo && r.ahead.key != kwFrom {
			level.expect, level.on = noName, false // GRANT … ON SCHEMA s
			return true
		}
	case kwOnly, kwLateral:
		return isName(r.ahead) || r.isSign(r.ahead, '(')
	case kwTop:
		return r.isSign(r.ahead, '(')
	case kwOr: // INSERT OR REPLACE
		r.next()
		return true
	case kwPriority:
		return level.stage != afterTables && level.stage != inCommand && r.prev.key != kwInto && r.prev.key != kwFrom &&
			(isName(r.ahead) || r.ahead.key == kwInto || r.ahead.key == kwFrom)
	case kwIf, kwAnalyze:
		return level.stage == inCommand && (isName(r.ahead) || r.ahead.key == kwTable)
	case kwTemporary:
		return level.stage == beforeFrom && (isName(r.ahead) || r.ahead.key == kwTable) // SELECT … INTO TEMP t
	case kwStatistics:
		return level.expect == targetTable && isName(r.ahead)
	case kwRecursive:
		if level.expect == cteName && isName(r.ahead) {
			level.visible = true
			return true
		}
	case kwRows:
		if r.ahead.key == kwFrom {
			level.expect = noName // ROWS FROM (f(1), g(2))
			return true
		}
	case kwOutfile:
		if r.prev.key == kwInto {
			level.expect = noName
			return true
		}
	}
	return false
}
