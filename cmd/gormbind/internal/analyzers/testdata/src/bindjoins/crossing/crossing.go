// Package crossing keeps a handle that may cross binds.
package crossing

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"bindjoins/other"
)

type User struct {
	_         struct{} `bind:"main"`
	ID        uint
	CompanyID uint
	Company   other.Company
}

type store struct{ db *gorm.DB }

func newStore(db *gorm.DB) store {
	return store{db.Clauses(bindkey.AllowCrossBind).Session(&gorm.Session{})}
}

func (s store) users() (users []User) {
	s.db.Joins("Company").Find(&users)
	return users
}
