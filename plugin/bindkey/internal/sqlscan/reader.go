package sqlscan

// Facts is what a text of SQL says.
type Facts struct {
	Tables []string // the names that stand where a table does, folded, without quotes; "schema.table" where qualified
	Reads  bool     // it changes and locks nothing, so that a replica can answer

	// Control is how the first statement begins that controls transactions, in
	// capitals: BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT, SAVEPOINT,
	// RELEASE, ROLLBACK TO, SAVE TRANSACTION, PREPARE TRANSACTION, XA START, … or "".
	Control string
	// Balanced is whether the text begins transactions and ends all that it has
	// begun, and controls no other.
	Balanced bool
	// Commits is how the first statement begins that commits the open transaction by
	// itself, in MySQL: CREATE, LOCK TABLES, … or "".
	Commits string
}

// scan finds the facts of a text of one or more statements. It knows no
// grammar beyond where a table's name stands: a column or alias that has a
// table's name is not that table, and the name of a CTE shadows one. Text that
// it does not know as a query does not read: the sources can answer all.
//
// Every token is looked at once, but for those that follow BEGIN and its like,
// and nothing allocated but names, and room for
// parentheses deeper than most.
func scan(sql string, dialect Dialect) Facts {
	r := reader{lexer: lexer{src: sql, dialect: dialect}, reads: true}
	r.near[0].statement, r.control.fresh = true, true
	r.next()
	for r.next(); r.cur.kind != endToken; r.next() {
		if r.control.fresh {
			r.begun()
		}
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
	return Facts{Tables: r.found(), Reads: r.reads && r.started,
		Control: r.control.first, Balanced: r.control.balanced(), Commits: r.control.commits}
}

// A reader steps through the tokens, with what it knows of each level of
// parentheses.
type reader struct {
	lexer
	prev, cur, ahead token

	depth   int // of parentheses
	near    [16]levelState
	far     []levelState // parentheses deeper than that
	ctes    []cte
	inSight map[string]int // how many visible CTEs have a name, once they are many
	targets []string       // of an UPDATE or DELETE, until its list of tables may say that they are aliases
	sought  map[string]int // their places, once they are many
	names   []string       // of tables; "" where one was taken back
	places  map[string]int // in names, once they are many
	reads   bool
	started bool // some statement has begun
	control control
}

// A levelState is the text between two parentheses, or a whole statement.
type levelState struct {
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
func (l *levelState) reset(to stage) {
	*l = levelState{stage: to, statement: l.statement, defines: l.defines, ctes: l.ctes}
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

// level is the innermost one.
func (r *reader) level() *levelState {
	if r.depth < len(r.near) {
		return &r.near[r.depth]
	}
	return &r.far[r.depth-len(r.near)]
}

// next steps to the next token. A word behind a dot is a name, whatever it
// says, or a function.
func (r *reader) next() {
	r.prev, r.cur, r.ahead = r.cur, r.ahead, r.scan()
	if r.ahead.key != kwEffect && r.isSign(r.cur, '.') {
		r.ahead.key = noKeyword
	}
}

func (r *reader) isSign(t token, c byte) bool {
	return t.kind == otherToken && r.src[t.start] == c
}

func isName(t token) bool {
	return t.kind == quotedToken || t.kind == wordToken && (t.key == noKeyword || t.key > lastReserved)
}

func (r *reader) word(level *levelState) {
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

func (r *reader) punctuation(level *levelState, c byte) {
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

func (r *reader) open(level *levelState) {
	inner := levelState{ctes: len(r.ctes)}
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
		r.far = append(r.far[:r.depth-len(r.near)], levelState{})
	}
	*r.level() = inner
}

// close leaves a parenthesis: the CTEs inside it go out of sight, and the one
// that it defines comes into it.
func (r *reader) close(level *levelState) {
	r.hide(level.ctes)
	if level.defines > 0 {
		r.show(level.defines)
	}
	r.depth--
	if outer := r.level(); outer.aliases && outer.stage == inTables {
		outer.expect = tableAlias
	}
}

func (r *reader) endStatement() {
	r.addTargets()
	r.depth, r.near[0] = 0, levelState{statement: true}
	r.hide(0)
	r.control.fresh = true
}

// text handles a string, which SQLite takes for a name.
func (r *reader) text(level *levelState) {
	if r.dialect == SQLite && level.expect != noName {
		r.name(level)
		return
	}
	level.expect = noName
}
