package bindkey

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// sqlFacts is what routing wants to know of SQL that was given as text.
type sqlFacts struct {
	tables []string // the names that stand where a table does, folded, without quotes; "schema.table" where qualified
	reads  bool     // it changes and locks noName, so that a replica can answer
}

// readSQL finds the facts of a text of one or more statements. It knows no
// grammar beyond where a table's name stands: a column or alias that has a
// table's name is not that table, and the name of a CTE shadows one. Text that
// it does not know as a query does not read: the sources can answer all.
//
// Every token is looked at once, and nothing allocated but names, and room for
// parentheses deeper than most.
func readSQL(sql string, dialect lexicon) sqlFacts {
	r := sqlReader{lexer: lexer{src: sql, dialect: dialect}, reads: true}
	r.near[0].statement = true
	r.next()
	for r.next(); r.cur.kind != endToken; r.next() {
		level := r.level()
		if level.stage == opening && r.cur.kind != wordToken && r.depth > 0 {
			level.stage = afterTables // (1, …), ("name", …): an expression or list
		}
		switch r.cur.kind {
		case wordToken:
			r.word(level)
		case quotedToken:
			r.name(level)
		case stringToken:
			r.text(level)
		case otherToken:
			r.punctuation(level, r.src[r.cur.start])
		}
	}
	r.endStatement()
	return sqlFacts{tables: r.found(), reads: r.reads && r.started}
}

// A sqlReader steps through the tokens, with what it knows of each level of
// parentheses.
type sqlReader struct {
	lexer
	prev, cur, ahead token

	depth   int // of parentheses
	near    [16]sqlLevel
	far     []sqlLevel // parentheses deeper than that
	ctes    []cte
	targets []string        // of an UPDATE or DELETE, until its list of tables may say that they are aliases
	names   []string        // of tables; "" where one was taken back
	many    map[string]bool // the same, once they are many
	reads   bool
	started bool // some statement has begun
}

// A sqlLevel is the text between two parentheses, or a whole statement.
type sqlLevel struct {
	stage  stage
	expect expectation

	statement bool // it may be any statement, and not only a query or an expression
	updating  bool // between UPDATE and its SET
	targeted  bool // an UPDATE or DELETE
	aliases   bool // an alias in this list of tables may be what UPDATE or DELETE named
	using     bool // USING begins a list of tables, and is no condition of a join

	object keyword // what a command creates, alters or drops, by its first word
	single bool    // CREATE, ALTER: a comma is not followed by another table
	on, to bool    // ON, TO are followed by a table

	listed  bool // between WITH and the statement that it belongs to
	visible bool // the CTEs of this WITH see themselves and later ones
	awaits  int  // index+1 in ctes of the CTE whose parenthesis comes next
	since   int  // how many tables there were before WITH
	defines int  // index+1 in ctes of the CTE that this parenthesis defines
	ctes    int  // how many CTEs were in sight outside
}

// reset forgets what came before a verb in the same parentheses.
func (l *sqlLevel) reset(to stage) {
	*l = sqlLevel{stage: to, statement: l.statement, defines: l.defines, ctes: l.ctes}
}

// A stage is how far a level has come.
type stage uint8

const (
	opening     stage = iota
	prelude           // EXPLAIN, or WITH and its CTEs: the statement is still to come
	beforeFrom        // the columns of SELECT, the SET of UPDATE: FROM is followed by tables
	inTables          // a comma and JOIN are followed by a table
	inInsert          // INSERT, REPLACE or MERGE, up to its rows
	inDelete          // DELETE, up to its second list of tables
	inCommand         // DDL and all other statements
	inGrant           // GRANT, REVOKE
	afterTables       // what is behind the tables; an expression; a list of columns
)

// An expectation is what the next name stands for.
type expectation uint8

const (
	noName       expectation = iota
	readTable                // a name before a parenthesis is a function
	writtenTable             // a name before a parenthesis is a table and its columns
	targetTable              // of UPDATE and DELETE
	columnTable              // the table of a qualified column
	tableAlias
	cteName
)

// A cte is visible once it is defined, or while it is if it is recursive.
type cte struct {
	name    string
	visible bool
}

// level is the innermost one.
func (r *sqlReader) level() *sqlLevel {
	if r.depth < len(r.near) {
		return &r.near[r.depth]
	}
	return &r.far[r.depth-len(r.near)]
}

// next steps to the next token. A word behind a dot is a name, whatever it
// says, or a function.
func (r *sqlReader) next() {
	r.prev, r.cur, r.ahead = r.cur, r.ahead, r.scan()
	if r.ahead.key != kwEffect && r.isSign(r.cur, '.') {
		r.ahead.key = noKeyword
	}
}

func (r *sqlReader) isSign(t token, c byte) bool {
	return t.kind == otherToken && r.src[t.start] == c
}

func isName(t token) bool {
	return t.kind == quotedToken || t.kind == wordToken && (t.key == noKeyword || t.key > lastReserved)
}

func (r *sqlReader) word(level *sqlLevel) {
	if level.expect != noName {
		switch {
		case level.expect == tableAlias:
			if r.cur.key == kwAs {
				return
			}
			level.expect = noName
			if r.dropTarget() {
				return
			}
		case isName(r.cur):
			if !r.modifies(level) {
				r.name(level)
			}
			return
		case r.cur.key == kwFrom && level.expect == targetTable:
			return // DELETE FROM
		}
		level.expect = noName
	}
	switch {
	case level.stage == opening:
		r.begin(level)
	case r.cur.key == noKeyword:
		r.described(level)
	case r.prev.key == kwAs && (level.stage == beforeFrom || level.stage == afterTables):
		// any word can be a column's alias
	case level.stage == inGrant:
		r.grant(level)
	case r.embedded(level):
	case level.stage == inCommand:
		r.command(level)
	default:
		r.clause(level)
	}
}

// begin handles the first word of a statement, or of a parenthesis.
func (r *sqlReader) begin(level *sqlLevel) {
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
func (r *sqlReader) change(level *sqlLevel) {
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

// embedded begins a statement inside another: behind EXPLAIN or WITH, in a
// trigger, procedure or rule, or, in SQL Server, wherever its verb stands.
func (r *sqlReader) embedded(level *sqlLevel) bool {
	switch r.cur.key {
	case kwInsert, kwReplace, kwMerge, kwUpdate, kwDelete:
		if level.stage == prelude || r.unseparated(level) ||
			level.stage == inCommand && (r.prev.key == kwBegin || r.prev.key == kwThen || r.prev.key == kwAs) {
			r.change(level)
			return true
		}
	case kwCreate, kwAlter, kwDrop, kwTruncate, kwExec:
		if level.stage != inCommand && (level.stage == prelude || r.unseparated(level)) {
			r.addTargets()
			level.reset(opening)
			r.begin(level)
			return true
		}
	}
	return false
}

// unseparated reports whether SQL Server, which needs no semicolons, begins a
// statement at the verb at hand.
func (r *sqlReader) unseparated(level *sqlLevel) bool {
	if r.dialect != transactSQL || r.depth > 0 || r.isSign(r.prev, ',') || r.isSign(r.ahead, '(') {
		return false
	}
	switch r.prev.key {
	case kwFor, kwAfter, kwOf, kwOr, kwThen, kwWith:
		return false
	case kwOn: // ON DELETE CASCADE, and not SET NOCOUNT ON
		if level.object == kwTable {
			return false
		}
	}
	return r.ahead.key != kwJoin && r.ahead.key != kwAs // INNER MERGE JOIN, EXECUTE AS
}

// clause handles a keyword of a query, or of a statement that writes rows.
func (r *sqlReader) clause(level *sqlLevel) {
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
		if r.dialect == sqliteSQL && !r.isSign(r.ahead, '(') {
			level.expect = readTable // SQLite takes a table for its rows
		}
	}
	r.effect()
}

// tables begins a list of tables.
func (r *sqlReader) tables(level *sqlLevel) {
	level.stage, level.expect, level.using = inTables, readTable, false
	level.aliases = level.targeted
}

// with begins a list of CTEs.
func (r *sqlReader) with(level *sqlLevel) {
	level.stage, level.expect, level.listed = prelude, cteName, true
	level.visible = r.dialect == sqliteSQL || r.dialect == transactSQL // no need of RECURSIVE
	level.since = len(r.names)
}

// lock handles FOR: a lock, a hint, or the end of the tables.
func (r *sqlReader) lock(level *sqlLevel) {
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
func (r *sqlReader) effect() {
	switch key := r.cur.key; {
	case key == kwShare && r.prev.key == kwIn, // LOCK IN SHARE MODE
		key == kwLocked && r.prev.key == kwSkip,
		key == kwHintLock && r.dialect == transactSQL,
		key == kwValue && r.prev.key == kwNext && r.ahead.key == kwFor,
		key == kwEffect && r.isSign(r.ahead, '('):
		r.reads = false
	}
}

// command handles a keyword of DDL, or of any other statement.
func (r *sqlReader) command(level *sqlLevel) {
	key, prev := r.cur.key, r.prev.key
	named := level.object == noKeyword // what the command is about comes first
	table := false
	switch key {
	case kwSelect:
		r.clause(level)
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
func (r *sqlReader) grant(level *sqlLevel) {
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
func (r *sqlReader) described(level *sqlLevel) {
	if level.stage == prelude && (r.prev.key == kwExplain || r.prev.key == kwDescribe) &&
		(r.ahead.kind == endToken || r.isSign(r.ahead, ';') || r.isSign(r.ahead, '.')) {
		r.table(level, writtenTable)
	}
}

// modifies reports whether the word where a name should be comes before it.
func (r *sqlReader) modifies(level *sqlLevel) bool {
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

// name handles a name where one is expected.
func (r *sqlReader) name(level *sqlLevel) {
	expect := level.expect
	level.expect = noName
	switch expect {
	case noName:
		r.described(level)
	case tableAlias:
		r.dropTarget()
	case cteName:
		r.define(level)
	default:
		r.table(level, expect)
	}
}

// table reads a table's name.
func (r *sqlReader) table(level *sqlLevel, expect expectation) {
	name, owner := r.unquoted(r.cur), 0 // owner is where the last part begins
	if r.isSign(r.ahead, '.') {
		name, owner = r.qualified(name)
	}
	if level.stage == inGrant && r.isSign(r.cur, '.') {
		return // GRANT … ON database.*
	}
	// MySQL and SQL Server look for the target of UPDATE and DELETE among the
	// tables that the statement reads.
	sought := expect == targetTable && (r.dialect == mysqlSQL || r.dialect == transactSQL)
	switch {
	case expect == readTable && r.isSign(r.ahead, '(') && !r.hinted():
		r.effect()
		return // a function; its parenthesis looks for the alias
	case expect == columnTable:
		name = name[:owner]
	}
	if level.aliases && expect == readTable {
		level.expect = tableAlias
	}
	switch {
	case name == "", owner == 0 && (expect == readTable || sought) && r.isCTE(name):
	case sought:
		r.targets = append(r.targets, name)
	default:
		r.add(name)
	}
}

// qualified reads the other parts of a name, and tells where the last begins.
func (r *sqlReader) qualified(first string) (name string, last int) {
	var parts strings.Builder
	parts.WriteString(first)
	for r.isSign(r.ahead, '.') {
		r.next()
		last = parts.Len()
		switch r.ahead.kind {
		case wordToken, quotedToken, stringToken:
			r.next()
			parts.WriteByte('.')
			parts.WriteString(r.unquoted(r.cur))
		case otherToken:
			if r.isSign(r.ahead, '.') { // database..table
				parts.WriteByte('.')
			}
		}
	}
	return parts.String(), last
}

// hinted reports whether the parenthesis ahead is of a table hint, as in SQL
// Server's FROM t (NOLOCK).
func (r *sqlReader) hinted() bool {
	if r.dialect != transactSQL {
		return false
	}
	inside := r.lexer
	hint := inside.scan().key
	return hint == kwHint || hint == kwHintLock
}

// dropTarget takes the target of an UPDATE or DELETE back, if the word at hand
// makes it an alias.
func (r *sqlReader) dropTarget() bool {
	if !isName(r.cur) {
		return false
	}
	alias := r.unquoted(r.cur)
	for i, target := range r.targets {
		if target == alias {
			r.targets = append(r.targets[:i], r.targets[i+1:]...)
			return true
		}
	}
	return false
}

func (r *sqlReader) addTargets() {
	for _, target := range r.targets {
		r.add(target)
	}
	r.targets = r.targets[:0]
}

// define handles the name of a CTE, and not what else may follow WITH.
func (r *sqlReader) define(level *sqlLevel) {
	if r.ahead.key != kwAs && !r.isSign(r.ahead, '(') {
		return
	}
	name := r.unquoted(r.cur)
	if level.visible && r.dialect != transactSQL {
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

func (r *sqlReader) isCTE(name string) bool {
	for i := len(r.ctes) - 1; i >= 0; i-- {
		if r.ctes[i].visible && r.ctes[i].name == name {
			return true
		}
	}
	return false
}

func (r *sqlReader) punctuation(level *sqlLevel, c byte) {
	switch c {
	case '(':
		r.open(level)
	case ')':
		if r.depth > 0 {
			r.close(level)
		}
	case ',':
		level.expect = noName
		switch {
		case level.stage == inTables:
			level.expect = readTable
		case level.stage == inDelete:
			level.expect = targetTable
		case level.stage == prelude && level.listed:
			level.expect = cteName
		case level.stage == inGrant && level.on,
			level.stage == inCommand && !level.single && (level.object == kwTable || level.object == kwView):
			level.expect = writtenTable
		}
	case ';':
		r.endStatement()
	default:
		level.expect = noName
	}
}

func (r *sqlReader) open(level *sqlLevel) {
	inner := sqlLevel{ctes: len(r.ctes)}
	switch prev := r.prev.key; {
	case prev == kwTop || prev == kwVacuum || prev == kwAnalyze:
		// the name comes behind the parenthesis
	case level.expect == readTable || level.expect == targetTable:
		inner.stage, inner.expect, inner.aliases = inTables, readTable, level.aliases
		level.expect = noName
	case (prev == kwInherits || prev == kwTableInfo) && level.stage == inCommand:
		inner.stage, inner.expect, inner.object = inCommand, writtenTable, kwTable
	case (prev == kwAs || prev == kwMaterialized) && level.awaits > 0:
		inner.statement, inner.defines = true, level.awaits
		level.awaits = 0
	default:
		inner.statement = prev == kwCopy || prev == kwBegin
		level.expect = noName
	}
	if level.stage == opening { // (SELECT …) UNION …
		level.stage, r.started = afterTables, true
	}
	r.depth++
	if r.depth >= len(r.near) {
		r.far = append(r.far[:r.depth-len(r.near)], sqlLevel{})
	}
	*r.level() = inner
}

// close leaves a parenthesis: the CTEs inside it go out of sight, and the one
// that it defines comes into it.
func (r *sqlReader) close(level *sqlLevel) {
	r.ctes = r.ctes[:level.ctes]
	if level.defines > 0 {
		r.ctes[level.defines-1].visible = true
	}
	r.depth--
	if outer := r.level(); outer.aliases && outer.stage == inTables {
		outer.expect = tableAlias
	}
}

func (r *sqlReader) endStatement() {
	r.addTargets()
	r.depth, r.near[0] = 0, sqlLevel{statement: true}
	r.ctes = r.ctes[:0]
}

// text handles a string, which SQLite takes for a name.
func (r *sqlReader) text(level *sqlLevel) {
	if r.dialect == sqliteSQL && level.expect != noName {
		r.name(level)
		return
	}
	level.expect = noName
}

// unquoted is a name as it compares: folded, without its quotes.
func (r *sqlReader) unquoted(t token) string {
	text := r.src[t.start:t.end]
	if t.kind == wordToken {
		return foldTable(text)
	}
	if name, ok := neutral.Name(text); ok {
		return foldTable(name)
	}
	quote := text[:1]
	if quote == "[" {
		quote = "]"
	}
	return foldTable(strings.ReplaceAll(strings.TrimSuffix(text[1:], quote), quote+quote, quote))
}

// manyTables is how many tables are compared one by one before a map does it.
const manyTables = 16

func (r *sqlReader) add(name string) {
	if r.many != nil {
		if !r.many[name] {
			r.many[name] = true
			r.names = append(r.names, name)
		}
		return
	}
	for _, known := range r.names {
		if known == name {
			return
		}
	}
	r.names = append(r.names, name)
	if len(r.names) == manyTables {
		r.many = map[string]bool{}
		for _, known := range r.names {
			r.many[known] = true
		}
	}
}

// found are the tables, without those taken back.
func (r *sqlReader) found() []string {
	kept := r.names[:0]
	for _, name := range r.names {
		if name != "" {
			kept = append(kept, name)
		}
	}
	return kept
}
