package tenantload

import (
	"context"
	"errors"
	"math/rand"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

var errUndone = errors.New("the program rolls back")

// round is one thing that a program does for a tenant. A tenant that can't be opened is
// a failure before anything is written; all else is one of the test.
func (l *Load) round(random *rand.Rand) {
	i := random.Intn(len(l.Tenants))
	tenant := l.Tenants[i]
	db := l.DB.WithContext(bindkey.WithTenant(context.Background(), tenant))
	if random.Intn(2) == 0 {
		db = db.Session(&gorm.Session{PrepareStmt: true})
	}
	var err error
	switch random.Intn(8) {
	case 0:
		l.Plugin.Evict(l.Tenants[random.Intn(len(l.Tenants))])
	case 1, 2:
		if err = db.Create(l.document(tenant)).Error; err == nil {
			l.documents[i].Add(1)
		}
	case 3, 4:
		err = l.transaction(db, i, random)
	case 5:
		var found []Document
		if err = db.Preload("Pages").Find(&found).Error; err == nil {
			l.own(tenant, found)
		}
	case 6:
		err = l.rows(db, tenant, random)
	default:
		var others int64
		err = db.Raw("SELECT count(*) FROM pages WHERE tenant <> ?", tenant).Scan(&others).Error
		if others > 0 {
			l.Errorf("%d rows of others are with %s", others, tenant)
		}
		if err := l.DB.First(&Document{}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
			l.Errorf("without a tenant: %v", err)
		}
	}
	switch {
	case errors.Is(err, ErrRefused):
		l.refused.Add(1)
	case err != nil && !errors.Is(err, errUndone):
		l.Errorf("%s: %v", tenant, err)
	}
}

func (l *Load) document(tenant string) *Document {
	return &Document{Tenant: tenant, Pages: []Page{{Tenant: tenant}, {Tenant: tenant}}}
}

// own holds what was found to be the tenant's.
func (l *Load) own(tenant string, found []Document) {
	for _, document := range found {
		own := document.Tenant == tenant && len(document.Pages) == 3
		for _, page := range document.Pages {
			own = own && page.Tenant == tenant
		}
		if !own {
			l.Errorf("%s finds %+v", tenant, document)
		}
	}
}

// transaction writes to the tenant's database and to the shared one, and rolls back now
// and then. Another tenant gets no place in it.
func (l *Load) transaction(db *gorm.DB, i int, random *rand.Rand) error {
	tenant, other := l.Tenants[i], l.Tenants[(i+1)%len(l.Tenants)]
	undo := random.Intn(3) == 0
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(l.document(tenant)).Error; err != nil {
			return err
		}
		if random.Intn(3) == 0 {
			l.Plugin.Evict(tenant)
		}
		if err := tx.Create(&Event{Tenant: tenant}).Error; err != nil {
			return err
		}
		err := tx.WithContext(bindkey.WithTenant(context.Background(), other)).Create(l.document(other)).Error
		if !errors.Is(err, bindkey.ErrTenantConflict) {
			l.Errorf("%s in a transaction of %s: %v", other, tenant, err)
		}
		var found []Document
		if err := tx.Preload("Pages").Limit(5).Find(&found).Error; err != nil {
			return err
		}
		l.own(tenant, found)
		if undo {
			return errUndone
		}
		return nil
	})
	if err == nil {
		l.documents[i].Add(1)
		l.events[i].Add(1)
	}
	return err
}

// rows reads rows while their pool is evicted.
func (l *Load) rows(db *gorm.DB, tenant string, random *rand.Rand) error {
	rows, err := db.Model(&Page{}).Limit(20).Rows()
	if err != nil {
		return err
	}
	if random.Intn(2) == 0 {
		l.Plugin.Evict(tenant)
	}
	for rows.Next() {
		var page Page
		if err := db.ScanRows(rows, &page); err != nil {
			return errors.Join(err, rows.Close())
		}
		if page.Tenant != tenant {
			l.Errorf("%s reads %+v", tenant, page)
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
