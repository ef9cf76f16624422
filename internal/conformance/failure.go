package conformance

import "gorm.io/gorm"

// failures are errors of databases. TranslateError makes them GORM's own, each
// dialect in its way.
func failures() group {
	return group{name: "failure", cases: []testCase{
		{name: "ErrDuplicatedKey", alone: true, run: func(r *run) {
			r.refused(r.db.Create(&Person{Name: "person1"}).Error)
			r.refused(r.db.Create(&Passport{Number: "P1"}).Error)
			r.refused(r.db.Create(&Team{ID: 1}).Error)
			r.refused(r.db.Create(&Country{Code: "at"}).Error)
			r.refused(r.db.Create(&Slot{Day: "tue", Hour: 9}).Error)
			r.refused(r.db.Model(&Person{ID: 2}).Update("name", "person1").Error)
			r.refused(r.db.Create(&[]Team{{Name: "a"}, {ID: 1}}).Error)
			r.refused(r.db.CreateInBatches(&[]Person{{Name: "x1"}, {Name: "x2"}, {Name: "person1"}}, 2).Error)
			r.refused(r.db.Table("teams").Create(map[string]any{"id": 1}).Error)
		}},
		{name: "ErrDuplicatedKey in a transaction", alone: true, run: func(r *run) {
			r.refused(r.db.Transaction(func(tx *gorm.DB) error { return tx.Create(&Person{Name: "person1"}).Error }))
			r.refused(r.db.Transaction(func(tx *gorm.DB) error { return tx.Create(&Passport{Number: "P1"}).Error }))
		}},
		{name: "of an association", alone: true, run: func(r *run) {
			r.refused(r.db.Create(&Person{Name: "x", Passport: &Passport{Number: "refused"}}).Error)
			r.refused(r.db.Create(&Letter{Title: "x", Person: &Person{Name: "refused"}}).Error)
			r.refused(r.db.Model(&Person{ID: 3}).Association("Passport").Replace(&Passport{Number: "refused"}))
			// The row that is written last is there already. SQLite, when it rolls back, forgets which ids it gave.
			r.refused(r.db.Create(&Letter{ID: 1, Title: "x", Person: &Person{ID: 300, Name: "undone"}}).Error)
		}},
		{name: "ErrForeignKeyViolated", alone: true, run: func(r *run) {
			r.refused(r.db.Create(&Pet{Name: "stray", OwnerID: 99}).Error)
			r.refused(r.db.Delete(&Owner{ID: 1}).Error)
			r.refused(r.db.Model(&Pet{ID: 1}).Update("owner_id", 98).Error)
		}},
		{name: "other errors", alone: true, run: func(r *run) {
			r.refused(r.db.Model(&Team{}).Table("nowhere").Find(&[]map[string]any{}).Error)
			r.refused(r.db.Where("nothing = ?", 1).Find(&[]Team{}).Error)
			r.refused(r.db.Where("nothing = ?", 1).Find(&[]Person{}).Error)
			r.refused(r.db.Model(&Team{ID: 1}).Update("nothing", 1).Error)
			r.refused(r.db.Model(&Person{ID: 1}).Updates(map[string]any{"nothing": gorm.Expr("? + 1", 1)}).Error)
			r.refused(r.db.Raw("SELECT nothing FROM letters").Scan(&[]string{}).Error)
			_, err := r.db.Model(&Team{}).Select("nothing").Rows()
			r.refused(err)
			r.refused(r.db.Create(&[]Team{}).Error)
			r.refused(r.db.Model(&Person{}).Association("Nothing").Error)
			r.refused(r.db.Preload("Nothing").Find(&[]Person{}).Error)
		}},
		{name: "a Row that fails", alone: true, run: func(r *run) {
			if r.db.PrepareStmt {
				return // GORM returns a row that panics (prepare_stmt.go, QueryRowContext)
			}
			r.refused(r.db.Raw("SELECT nothing FROM stamps").Row().Scan(new(string)))
			r.refused(r.db.Model(&Team{}).Select("nothing").Row().Scan(new(string)))
		}},
		{name: "TranslateError off", alone: true, run: func(r *run) {
			off := r.db.Session(&gorm.Session{})
			off.Config.TranslateError = false
			r.refused(off.Create(&Person{Name: "person1"}).Error)
			r.refused(off.Create(&Passport{Number: "P1"}).Error)
		}},
	}}
}
