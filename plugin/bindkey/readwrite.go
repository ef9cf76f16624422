package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// operation tells reads, which go to replicas, from writes, as dbresolver
// does: its Read and Write clauses decide for queries and raw SQL, then
// locking clauses, then the text of raw SQL.
func (p *Plugin) operation(stmt *gorm.Statement, kind statementKind, found *decision, asked dbresolver.Operation) dbresolver.Operation {
	if kind.Writes() || asked == writing {
		return writing
	}
	if found.raw || kind == rawStatement {
		if found.facts.Reads || asked == reading {
			return reading
		}
		return writing
	}
	if _, locking := stmt.Clauses["FOR"]; locking {
		return writing
	}
	return reading
}

// clauseOperation is dbresolver's Read or Write in a statement, or "". Only who may have
// one is asked, since a look into Settings allocates.
func (p *Plugin) clauseOperation(db *gorm.DB) dbresolver.Operation {
	stmt := db.Statement
	if _, chained := unwrapPrepared(stmt.ConnPool).(*chainPool); !chained && !p.overtaken(db) {
		if r := recordIn(stmt.ConnPool); r == nil || !r.hasOperation {
			return ""
		}
	}
	return resolver.Asked(stmt)
}
