package main

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// step is one statement or one movement of a transaction. Its error is the
// statement's; what it did to the story, steps marks as failed then.
func (t *txn) step(tx *gorm.DB, depth int) error {
	stmt := tx
	if t.rng.Intn(12) == 0 { // a deadline of the statement's own
		d := time.Duration(1+t.rng.Intn(40)) * time.Millisecond
		ctx, cancel := context.WithTimeout(tx.Statement.Context, d)
		defer cancel()
		t.story.note("the next statement has a deadline of %v", d)
		stmt = tx.WithContext(ctx)
	}
	switch n := t.rng.Intn(100); {
	case t.reads || n < 8:
		return t.readOwn(stmt, t.key())
	case n < 48:
		return t.write(stmt)
	case n < 54:
		return t.raw(stmt, t.key(), "")
	case n < 58:
		return t.raw(stmt, t.key(), "slow")
	case n < 62:
		return t.change(stmt)
	case n < 68:
		return t.lock(stmt, t.key())
	case n < 74:
		return t.lockRows(stmt, t.key())
	case n < 78:
		return t.leaveOpen(tx, t.key())
	case n < 80:
		t.closeRows()
		return nil
	case n < 84:
		t.story.register(tx, true)
		t.story.register(tx, false)
		return nil
	case n < 92 && depth < 3:
		return t.nested(tx, depth)
	case n < 97:
		return t.savepoint(tx, depth)
	default:
		time.Sleep(time.Duration(t.rng.Intn(15)) * time.Millisecond)
		return nil
	}
}

// write is one statement of GORM's that writes, which outside of a transaction
// has a default one.
func (t *txn) write(tx *gorm.DB) error {
	key := t.key()
	switch t.rng.Intn(16) {
	case 0, 1:
		rows := t.batch(key, 3)
		return t.story.did(tx.Create(rowModels(key, rows)).Error, "Create 3 rows, #%d to #%d in %s", t.seq-2, t.seq, key)
	case 2:
		rows := t.batch(key, 5)
		return t.story.did(tx.CreateInBatches(rowModels(key, rows), 2).Error, "CreateInBatches, #%d to #%d in %s", t.seq-4, t.seq, key)
	case 3:
		r := t.next(key, "")
		return t.story.did(createGeneric(tx.Statement.Context, tx, key, r), "generic Create, #%d in %s", r.Seq, key)
	case 4, 5:
		return t.associations(tx)
	case 6, 7, 8:
		id := 1 + t.rng.Intn(4)
		t.story.bumps = append(t.story.bumps, &bump{key: key})
		return t.story.did(tx.Model(hotModel(key)).Where("id = ?", id).Update("n", gorm.Expr("n + 1")).Error, "Update of hot row %d in %s", id, key)
	case 9:
		return t.refused(tx, key)
	case 10:
		r := t.next(key, "slow") // PostgreSQL takes its time at COMMIT
		return t.story.did(tx.Create(rowModel(key, r)).Error, "Create, #%d in %s, slow to commit", r.Seq, key)
	default:
		r := t.next(key, "")
		return t.story.did(tx.Create(rowModel(key, r)).Error, "Create, #%d in %s", r.Seq, key)
	}
}

// associations writes into all binds with one Create.
func (t *txn) associations(tx *gorm.DB) error {
	m := MainRow{Row: t.next("main", "")}
	for i := t.rng.Intn(3); i > 0; i-- {
		m.Logs = append(m.Logs, AnalyticsRow{Row: t.next("analytics", "")})
	}
	for i := t.rng.Intn(3); i > 0; i-- {
		m.Copies = append(m.Copies, ArchiveRow{Row: t.next("archive", "")})
	}
	return t.story.did(tx.Create(&m).Error, "Create, #%d in main with %d associations in analytics, %d in archive", m.Seq, len(m.Logs), len(m.Copies))
}

// refused is a row that the database refuses: at once, by rolling back, or at
// COMMIT.
func (t *txn) refused(tx *gorm.DB, key string) error {
	switch t.rng.Intn(3) {
	case 0:
		r := t.next(key, "raise")
		return t.story.did(tx.Create(rowModel(key, r)).Error, "Create, #%d in %s, at which SQLite rolls back", r.Seq, key)
	case 1:
		r, none := t.next(key, ""), int64(404)
		r.Ticket = &none
		return t.story.did(tx.Create(rowModel(key, r)).Error, "Create, #%d in %s with a ticket that COMMIT refuses", r.Seq, key)
	default:
		rows := t.batch(key, 2)
		rows[1].ID = rows[0].ID
		return t.story.did(tx.Create(rowModels(key, rows)).Error, "Create, #%d and #%d in %s with one id", t.seq-1, t.seq, key)
	}
}

// raw writes with SQL that is given, and may take a while.
func (t *txn) raw(tx *gorm.DB, key, how string) error {
	r := t.next(key, "")
	values := []any{r.ID, r.Name, r.Bind, r.Txn, r.Seq, r.Val}
	text := "INSERT INTO " + key + "_rows (id, name, bind, txn, seq, val) VALUES (?, ?, ?, ?, ?, ?)"
	if how == "slow" {
		text = fmt.Sprintf("INSERT INTO %s_rows (id, name, bind, txn, seq, val) SELECT %d, '%s', '%s', %d, %d, %d FROM %s",
			key, r.ID, r.Name, r.Bind, r.Txn, r.Seq, r.Val, t.world.at[key].product.slow)
		values = nil
	}
	return t.story.did(tx.Exec(text, values...).Error, "Exec %s, #%d in %s", how, r.Seq, key)
}

// change updates or deletes a row that the transaction has written.
func (t *txn) change(tx *gorm.DB) error {
	var own []*row
	for _, r := range t.story.rows {
		if r.fate == must {
			own = append(own, r)
		}
	}
	if len(own) == 0 {
		return nil
	}
	r := own[t.rng.Intn(len(own))]
	of := tx.Model(rowModel(r.key, Row{})).Where("txn = ? AND seq = ?", t.id, r.seq)
	if t.rng.Intn(2) == 0 {
		val := int64(1000 + t.rng.Intn(1000))
		err := t.story.did(of.Update("val", val).Error, "Update of #%d in %s", r.seq, r.key)
		if r.val = val; err != nil {
			r.val = -1
		}
		return err
	}
	err := t.story.did(of.Delete(rowModel(r.key, Row{})).Error, "Delete of #%d in %s", r.seq, r.key)
	if r.fate = never; err != nil {
		r.fate = may
	}
	return err
}

// readOwn compares what the transaction sees of its own with what it did.
func (t *txn) readOwn(tx *gorm.DB, key string) error {
	var found []Row
	err := tx.Model(rowModel(key, Row{})).Where("txn = ?", t.id).Find(&found).Error
	if t.story.did(err, "Find own rows in %s, %d of them", key, len(found)) != nil {
		return err
	}
	there := map[int64]bool{}
	for _, r := range found {
		there[r.Seq] = true
	}
	for _, r := range t.story.rows {
		if r.key == key && (r.fate == must && !there[r.seq] || r.fate == never && there[r.seq]) {
			t.story.amiss = append(t.story.amiss, finding{kind: "a transaction does not see what it did",
				story: t.story, text: fmt.Sprintf("#%d in %s: there %v", r.seq, key, there[r.seq])})
		}
	}
	return nil
}

// lock locks all hot rows of a bind, in one order or the other.
func (t *txn) lock(tx *gorm.DB, key string) error {
	var found []Hot
	err := tx.Model(hotModel(key)).Clauses(clause.Locking{Strength: "UPDATE"}).Order(t.order()).Find(&found).Error
	return t.story.did(err, "Find hot rows in %s for update", key)
}

// lockRows is lock, and streams the rows.
func (t *txn) lockRows(tx *gorm.DB, key string) error {
	rows, err := tx.Model(hotModel(key)).Clauses(clause.Locking{Strength: "UPDATE"}).Order(t.order()).Rows()
	if t.story.did(err, "Rows of hot rows in %s for update", key) != nil {
		return err
	}
	n := 0
	for rows.Next() {
		n++
	}
	err = rows.Err()
	_ = rows.Close()
	return t.story.did(err, "read %d of them", n)
}

func (t *txn) order() string { return []string{"id", "id DESC"}[t.rng.Intn(2)] }

// leaveOpen leaves a result open behind its first row.
func (t *txn) leaveOpen(tx *gorm.DB, key string) error {
	rows, err := tx.Model(hotModel(key)).Order("id").Rows()
	if t.story.did(err, "Rows in %s, left open", key) != nil {
		return err
	}
	rows.Next()
	t.open = append(t.open, rows)
	return nil
}

// nested is a Transaction in the transaction.
func (t *txn) nested(tx *gorm.DB, depth int) error {
	m := t.story.mark()
	t.story.note("nested Transaction begins")
	err := tx.Transaction(func(tx *gorm.DB) error {
		if err := t.steps(tx, depth+1); err != nil {
			return err
		}
		if t.rng.Intn(3) == 0 {
			return errWanted
		}
		return nil
	})
	if t.story.did(err, "nested Transaction") != nil {
		t.story.undo(m, may) // GORM does not say whether rolling back to its savepoint failed
	}
	if err == errWanted {
		return nil
	}
	return err
}

// savepoint does some steps behind a savepoint, and mostly rolls back to it.
func (t *txn) savepoint(tx *gorm.DB, depth int) error {
	name := fmt.Sprintf("s%d_%d", t.id, len(t.story.lines))
	if err := t.story.did(tx.SavePoint(name).Error, "SavePoint %s", name); err != nil {
		return err
	}
	m := t.story.mark()
	err := t.steps(tx, depth+2)
	if err == nil && t.rng.Intn(3) == 0 {
		return nil
	}
	if err := t.story.did(tx.RollbackTo(name).Error, "RollbackTo %s", name); err != nil {
		t.story.undo(m, may)
		return err
	}
	t.story.undo(m, never)
	return nil
}
