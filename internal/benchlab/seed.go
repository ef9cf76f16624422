package benchlab

import (
	"fmt"

	"gorm.io/gorm"
)

// How many rows every database has. Work that makes rows deletes them between
// the slices.
const (
	users       = 100
	logs        = 1000 // ten for each user
	chainLength = 4    // Evens and Odds
)

// Seed makes the tables of a database that is empty, and fills them.
func Seed(d gorm.Dialector) error {
	db, err := gorm.Open(d, &gorm.Config{Logger: silent, DisableForeignKeyConstraintWhenMigrating: true})
	if err != nil {
		return err
	}
	if err := db.AutoMigrate(&User{}, &LogEntry{}, &Even{}, &Odd{}); err != nil {
		return err
	}
	// The ids are the database's, so that it gives other ids to what is made
	// later.
	var (
		people = make([]User, users)
		events = make([]LogEntry, logs)
		evens  = make([]Even, chainLength)
		odds   = make([]Odd, chainLength)
	)
	for i := range people {
		people[i].Name = fmt.Sprint("user ", i+1)
	}
	for i := range events {
		events[i] = LogEntry{UserID: uint(i/10 + 1), Event: fmt.Sprint("event ", i+1), Level: (i + 1) % 5}
	}
	for i := range evens {
		evens[i].OddID, odds[i].EvenID = uint(i), uint(i+1)
	}
	for _, rows := range []any{&people, &events, &evens, &odds} {
		if err := db.Create(rows).Error; err != nil {
			return err
		}
	}
	if last := events[logs-1].ID; last != logs || people[users-1].ID != users || odds[chainLength-1].ID != chainLength {
		return fmt.Errorf("%s does not count ids from 1 to %d: the last one is %d", db.Name(), logs, last)
	}
	return nil
}
