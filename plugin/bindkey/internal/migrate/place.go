package migrate

import (
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A place is a bind's database, as Drift asks it.
type place struct {
	bind     Bind
	session  *gorm.DB
	recorder *recorder // sees the errors that HasTable drops
	identity string    // of the database, unless it can't be told
	asked    bool
}

// place opens a bind's database for questions.
func (d *comparison) place(b Bind) (*place, error) {
	if opened, ok := d.places[b]; ok {
		return opened, nil
	}
	conn, err := b.Conn(d.db)
	if err != nil {
		return nil, err
	}
	opened := &place{bind: b, recorder: newRecorder(b, conn)}
	opened.session = b.Session(d.db, opened.recorder)
	opened.session.Config.DryRun = false
	opened.session = opened.session.Session(&gorm.Session{}) // to start each question from
	d.places[b] = opened
	return opened, nil
}

func (p *place) named(err error) error {
	if err == nil {
		return nil
	}
	return failedIn(p.bind, err)
}

func (p *place) hasTable(s *schema.Schema) (bool, error) {
	there := p.session.Migrator().HasTable(modelOf(s))
	return there, p.named(p.recorder.failed)
}

// same reports whether two binds are on one database.
func (p *place) same(other *place) bool {
	return p.bind.Shares(other.bind) || p.identify() != "" && p.identify() == other.identify()
}

func (p *place) identify() string {
	dialect := p.bind.Dialector().Name()
	if question := product.Of(dialect).Identity; question != "" && !p.asked {
		p.asked = true
		var identity *string
		if err := p.session.Raw(question).Row().Scan(&identity); err == nil && identity != nil && *identity != "" {
			p.identity = dialect + " " + *identity
		}
	}
	return p.identity
}
