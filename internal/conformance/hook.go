package conformance

import "gorm.io/gorm"

// hooks are those of Order (models.go), whose statements are for models of the
// other bind.
func hooks() group {
	return group{name: "hook", cases: []testCase{
		{name: "of Create", run: func(r *run) {
			order := Order{Item: "a"}
			r.done(r.db.Create(&order), &order)
			orders := []Order{{Item: "b"}, {Item: "c"}}
			r.done(r.db.Create(&orders), &orders)
			r.done(r.db.CreateInBatches(&[]Order{{Item: "d"}, {Item: "e"}, {Item: "f"}}, 2))
		}},
		{name: "of Update", run: func(r *run) {
			order := Order{ID: 1, Item: "item1"}
			r.done(r.db.Model(&order).Update("Item", "changed"), &order)
			r.done(r.db.Model(&order).Updates(map[string]any{"origin": "map"}))
			order.Item = "saved"
			r.done(r.db.Save(&order), &order)
		}},
		{name: "of Delete and Find", run: func(r *run) {
			r.done(r.db.Delete(&Order{ID: 1, Item: "item1"}))
			var orders []Order
			r.done(r.db.Order("id").Find(&orders), &orders)
			var order Order
			r.done(r.db.First(&order), &order)
		}},
		{name: "that refuses", alone: true, run: func(r *run) {
			r.refused(r.db.Delete(&Order{ID: 1, Item: "forever"}).Error)
			var n int64
			r.done(r.db.Model(&Order{}).Count(&n), n)
			r.done(r.db.Model(&Audit{}).Count(&n), n)
		}},
		{name: "whose statement fails", alone: true, run: func(r *run) {
			// The default transaction takes the row that was written before along.
			r.refused(r.db.Set("x", 1).Create(&[]Order{{ID: 1, Item: "there already"}}).Error)
			var n int64
			r.done(r.db.Model(&Audit{}).Count(&n), n)
		}},
		{name: "skipped", run: func(r *run) {
			order := Order{Item: "a"}
			r.done(r.db.Session(&gorm.Session{SkipHooks: true}).Create(&order), &order)
		}},
	}}
}
