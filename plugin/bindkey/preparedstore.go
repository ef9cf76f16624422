package bindkey

import "gorm.io/gorm"

// storeStatements has the sessions of the handle keep the prepared statements of the
// default bind, where a program looks for them. GORM has one store for a handle, in
// its cache, which the first Session with PrepareStmt makes; an older one has
// statements of the handle's own connection.
func (p *Plugin) storeStatements() {
	p.stored = p.handleConn
	if b := p.defaultBind(); b.isOpen() {
		p.stored = b.sources[0].real
	}
	cache := p.schemaCache()
	if cache == nil {
		return
	}
	const key = "preparedStmt" // gorm.go
	if store, ok := cache.Load(key); ok && p.stored == p.handleConn {
		if store, ok := store.(*gorm.PreparedStmtDB); ok {
			p.handleConn.Adopt(store)
		}
	} else if ok {
		cache.Store(key, p.stored.Prepared())
	}
}

// handlePool is the pool of the handle. Where that prepares its statements, GORM
// and its users expect a *gorm.PreparedStmtDB: it has those of the default bind.
func (p *Plugin) handlePool() gorm.ConnPool {
	root := newRootPool(p)
	if !p.db.PrepareStmt {
		return root
	}
	store := p.stored.Prepared()
	return &gorm.PreparedStmtDB{ConnPool: root, Mux: store.Mux, Stmts: store.Stmts}
}
