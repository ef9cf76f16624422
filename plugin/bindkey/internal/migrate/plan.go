package migrate

import (
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A BindPlan is what AutoMigrate would do in one bind.
type BindPlan struct {
	Key        string
	Statements []string
	Skipped    []ForeignKey // its tables do without, since they would cross databases
}

// Plan tells what AutoMigrate of the models would run in each bind.
func (m *Migrations) Plan(db *gorm.DB, models ...any) ([]BindPlan, error) {
	on := m.On(db)
	values, skipped, err := on.withRelated(on.withOwn(models))
	if err != nil {
		return nil, err
	}
	groups, err := on.group(values)
	if err != nil {
		return nil, err
	}
	var plan []BindPlan
	for _, group := range groups {
		planned := BindPlan{Key: group.bind.Key()}
		if planned.Statements, err = on.plan(group); err != nil {
			return nil, on.failed(group, err)
		}
		for _, key := range skipped {
			if key.From.Key == planned.Key {
				planned.Skipped = append(planned.Skipped, key)
			}
		}
		plan = append(plan, planned)
	}
	return plan, nil
}

// plan runs a bind's AutoMigrate on a recorder.
func (m Migrator) plan(group bindGroup) ([]string, error) {
	conn, err := group.bind.Conn(m.db)
	if err != nil {
		return nil, err
	}
	r := newRecorder(group.bind, conn)
	if product.Of(r.dialector.Name()).AltersByCopy {
		scratch, closeScratch, err := emptyCopy(m.db.Statement.Context, conn)
		if err != nil {
			return nil, err
		}
		defer closeScratch()
		r.conn, r.runs = scratch, true
	}
	session := group.bind.Session(m.db, r)
	session.Config.Logger = logger.Discard // nothing has run
	session.Config.DryRun = false          // GORM would print, and some migrators not ask
	if err := session.Migrator().AutoMigrate(group.values...); err != nil {
		return nil, err
	}
	return r.statements, r.failed
}
