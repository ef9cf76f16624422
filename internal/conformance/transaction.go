package conformance

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// transactions are those of a program. In a layout across binds, people are in
// one database and teams in the other: both must be committed, or none.
func transactions() group {
	counts := func(r *run, db *gorm.DB) {
		var people, teams int64
		r.done(db.Model(&Person{}).Where("origin = ?", "tx").Count(&people), people)
		r.done(db.Model(&Team{}).Where("origin = ?", "tx").Count(&teams), teams)
	}
	both := func(r *run, tx *gorm.DB, name string) {
		r.done(tx.Create(&Person{Name: name, Origin: "tx"}))
		r.done(tx.Create(&Team{Name: name, Origin: "tx"}))
	}
	swapped := func(r *run, tx *gorm.DB, name string) {
		r.done(tx.Create(&Team{Name: name, Origin: "tx"}))
		r.done(tx.Create(&Person{Name: name, Origin: "tx"}))
	}
	return group{name: "transaction", cases: []testCase{
		{name: "commits", alone: true, run: func(r *run) {
			for _, write := range []func(*run, *gorm.DB, string){both, swapped} {
				r.ok(r.db.Transaction(func(tx *gorm.DB) error {
					write(r, tx, "a")
					counts(r, tx) // reads its own writes
					r.done(tx.Where("name = ?", "a").Unscoped().Delete(&Person{}))
					return nil
				}))
				counts(r, r.db)
			}
		}},
		{name: "rolls back", alone: true, run: func(r *run) {
			err := r.db.Transaction(func(tx *gorm.DB) error {
				both(r, tx, "a")
				r.done(tx.Model(&Team{ID: 1}).Update("name", "not"))
				r.done(tx.Exec("DELETE FROM letters WHERE id = ?", 1))
				r.done(tx.Exec("UPDATE people SET age = ? WHERE id = ?", 0, 1))
				counts(r, tx)
				return errChanged
			})
			r.note(errors.Is(err, errChanged))
			counts(r, r.db)
		}},
		{name: "rolls back after a failed statement", alone: true, run: func(r *run) {
			for _, fail := range []func(tx *gorm.DB) error{
				func(tx *gorm.DB) error { return tx.Create(&Passport{ID: 1, Number: "again"}).Error },
				func(tx *gorm.DB) error { return tx.Create(&Person{Name: "person1"}).Error },
				func(tx *gorm.DB) error { return tx.Exec("UPDATE teams SET nothing = ?", 1).Error },
			} {
				err := r.db.Transaction(func(tx *gorm.DB) error {
					both(r, tx, "a")
					return fail(tx)
				})
				r.refused(err)
				counts(r, r.db)
			}
		}},
		{name: "rolls back after a panic", alone: true, run: func(r *run) {
			func() {
				defer func() { r.note(recover()) }()
				_ = r.db.Transaction(func(tx *gorm.DB) error {
					both(r, tx, "a")
					panic("in a transaction")
				})
			}()
			counts(r, r.db)
		}},
		{name: "the default one rolls back both", alone: true, run: func(r *run) {
			// The team is written before the person, and the passport after both.
			r.refused(r.db.Create(&Person{Name: "undone", Origin: "tx", Team: &Team{Name: "undone", Origin: "tx"}, Passport: &Passport{Number: "refused"}}).Error)
			counts(r, r.db)
			r.refused(r.db.CreateInBatches(&[]Person{{ID: 300, Name: "undone", Origin: "tx", Team: &Team{ID: 300, Origin: "tx"}}, {ID: 301, Name: "person1"}}, 1).Error)
			counts(r, r.db)
		}},
		{name: "Begin and Commit", alone: true, run: func(r *run) {
			tx := r.db.Begin()
			r.ok(tx.Error)
			defer tx.Rollback()
			both(r, tx, "a")
			counts(r, tx)
			r.done(tx.Commit())
			counts(r, r.db)
			r.refused(tx.Commit().Error)
		}},
		{name: "Begin and Rollback", alone: true, run: func(r *run) {
			tx := r.db.Begin(&sql.TxOptions{Isolation: sql.LevelSerializable})
			r.ok(tx.Error)
			swapped(r, tx, "a")
			r.done(tx.Rollback())
			counts(r, r.db)
		}},
		{name: "SavePoint and RollbackTo", alone: true, run: func(r *run) {
			tx := r.db.Begin()
			r.ok(tx.Error)
			defer tx.Rollback()
			both(r, tx, "kept")
			r.ok(tx.SavePoint("one").Error)
			both(r, tx, "undone")
			r.ok(tx.SavePoint("two").Error)
			both(r, tx, "undone too")
			r.ok(tx.RollbackTo("one").Error)
			counts(r, tx)
			both(r, tx, "kept too")
			r.done(tx.Commit())
			counts(r, r.db)
		}},
		{name: "SavePoint before a bind joins", alone: true, run: func(r *run) {
			tx := r.db.Begin()
			r.ok(tx.Error)
			defer tx.Rollback()
			r.done(tx.Create(&Person{Name: "kept", Origin: "tx"}))
			r.ok(tx.SavePoint("one").Error)
			r.done(tx.Create(&Team{Name: "undone", Origin: "tx"}))
			r.ok(tx.RollbackTo("one").Error)
			counts(r, tx)
			r.done(tx.Create(&Team{ID: 555, Name: "kept", Origin: "tx"}))
			r.done(tx.Commit())
			counts(r, r.db)
		}},
		{name: "nested", alone: true, run: func(r *run) {
			r.ok(r.db.Transaction(func(tx *gorm.DB) error {
				both(r, tx, "outer")
				err := tx.Transaction(func(tx *gorm.DB) error {
					swapped(r, tx, "inner")
					r.ok(tx.Transaction(func(tx *gorm.DB) error {
						both(r, tx, "innermost")
						return nil
					}))
					return errChanged
				})
				r.note(errors.Is(err, errChanged))
				counts(r, tx)
				r.ok(tx.Transaction(func(tx *gorm.DB) error {
					both(r, tx, "second")
					return nil
				}))
				return nil
			}))
			counts(r, r.db)
		}},
		{name: "nested, with a failed statement", alone: true, run: func(r *run) {
			r.ok(r.db.Transaction(func(tx *gorm.DB) error {
				both(r, tx, "outer")
				r.refused(tx.Transaction(func(tx *gorm.DB) error {
					return tx.Create(&Person{Name: "outer"}).Error
				}))
				r.refused(tx.Transaction(func(tx *gorm.DB) error {
					return tx.Exec("INSERT INTO passports (id, number) VALUES (?, ?)", 1, "again").Error
				}))
				r.done(tx.Create(&Team{ID: 700, Name: "after", Origin: "tx"}))
				return nil
			}))
			counts(r, r.db)
		}},
		{name: "with a session of its own", alone: true, run: func(r *run) {
			for _, session := range []gorm.Session{
				{PrepareStmt: true}, {SkipDefaultTransaction: true}, {Context: background}, {NewDB: true}, {DisableNestedTransaction: true},
			} {
				session := session
				r.ok(r.db.Session(&session).Transaction(func(tx *gorm.DB) error {
					both(r, tx, "a")
					r.ok(tx.Transaction(func(tx *gorm.DB) error {
						r.done(tx.Model(&Team{}).Where("name = ?", "a").Update("name", "b"))
						return nil
					}))
					return tx.Unscoped().Where("name = ?", "a").Delete(&Person{}).Error
				}))
				counts(r, r.db)
			}
		}},
		{name: "without a default transaction", alone: true, run: func(r *run) {
			db := r.db.Session(&gorm.Session{SkipDefaultTransaction: true})
			both(r, db, "a")
			r.refused(db.Create(&Person{Name: "kept", Origin: "tx", Passport: &Passport{Number: "refused"}}).Error)
			counts(r, r.db)
		}},
		{name: "batches, associations and raw SQL in one", alone: true, run: func(r *run) {
			r.ok(r.db.Transaction(func(tx *gorm.DB) error {
				r.done(tx.CreateInBatches(&[]Team{{Name: "1", Origin: "tx"}, {Name: "2", Origin: "tx"}, {Name: "3", Origin: "tx"}}, 2))
				p := Person{Name: "with more", Origin: "tx", Letters: []Letter{{Title: "l"}}, Team: &Team{Name: "t", Origin: "tx"}}
				r.done(tx.Create(&p), &p)
				r.ok(tx.Model(&p).Association("Clubs").Append(&Club{Name: "c"}))
				r.done(tx.Exec("UPDATE letters SET title = ? WHERE person_id = ?", "raw", p.ID))
				var read Person
				r.done(tx.Preload("Letters").Preload("Clubs").Preload("Team").First(&read, p.ID), &read)
				return tx.Create(&Order{Item: "hooked"}).Error
			}))
		}},
	}}
}
