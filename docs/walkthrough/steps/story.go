package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// region migrate
func migrate(db *gorm.DB) error {
	return db.AutoMigrate(&models.User{}, &models.LogEntry{})
}

// endregion

// region write
func write(db *gorm.DB) error {
	users := []models.User{
		{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}, {Event: "first login"}}},
		{Name: "grace", Logs: []models.LogEntry{{Event: "joined"}}},
	}
	return db.Create(&users).Error
}

// endregion

// region read
func read(db *gorm.DB, out io.Writer) error {
	var users []models.User
	if err := db.Preload("Logs").Order("id").Find(&users).Error; err != nil {
		return err
	}
	for _, user := range users {
		fmt.Fprintf(out, "%s: %s\n", user.Name, events(user.Logs))
	}
	return nil
}

// endregion

func events(logs []models.LogEntry) string {
	names := make([]string, len(logs))
	for i, entry := range logs {
		names[i] = entry.Event
	}
	return strings.Join(names, ", ")
}

// region raw
func raw(db *gorm.DB, out io.Writer) error {
	err := db.Exec("UPDATE logs SET event = ? WHERE event = ?", "signed in", "first login").Error
	if err != nil {
		return err
	}
	var entries int64
	if err := db.Raw("SELECT count(*) FROM logs").Scan(&entries).Error; err != nil {
		return err
	}
	fmt.Fprintf(out, "%d log entries\n", entries)
	return nil
}

// endregion

// region transaction
func transaction(db *gorm.DB, out io.Writer) error {
	return db.Transaction(func(tx *gorm.DB) error {
		mary := models.User{Name: "mary"}
		if err := tx.Create(&mary).Error; err != nil { // begins in main
			return err
		}
		if err := tx.Create(&models.LogEntry{UserID: mary.ID, Event: "joined"}).Error; err != nil { // begins in analytics
			return err
		}
		nested := tx.Transaction(func(tx *gorm.DB) error { // a savepoint in both
			tx.Model(&models.User{}).Where("id = ?", mary.ID).Update("name", "maria")
			tx.Model(&models.LogEntry{}).Where("user_id = ?", mary.ID).Update("event", "renamed")
			return errors.New("on second thought, no")
		})
		fmt.Fprintln(out, "nested:", nested)
		return bindkey.AfterCommit(tx, func(context.Context) error { // once both are committed
			_, err := fmt.Fprintln(out, "committed: welcome,", mary.Name)
			return err
		})
	})
}

// endregion

// replica makes the replica's stand-in, and opens a handle that reads from it.
func (s *story) replica() error {
	if err := s.show(s.databases.Replica); err != nil {
		return err
	}
	source, standIn := s.shown[1].plain, s.shown[2].plain
	if err := copyLogs(source, standIn); err != nil {
		return err
	}
	analytics, replica := s.databases.Analytics.Dialector, s.databases.Replica.Dialector
	// region open-replica
	err := s.open(dbresolver.Config{
		Sources:  []gorm.Dialector{analytics},
		Replicas: []gorm.Dialector{replica},
	})
	// endregion
	if err != nil {
		return err
	}
	return readReplica(s.db, s.out)
}

// region copy
func copyLogs(source, standIn *gorm.DB) error {
	var entries []models.LogEntry
	if err := source.Order("id").Find(&entries).Error; err != nil {
		return err
	}
	if err := standIn.AutoMigrate(&models.LogEntry{}); err != nil {
		return err
	}
	return standIn.Create(&entries).Error
}

// endregion

// region replica
func readReplica(db *gorm.DB, out io.Writer) error {
	var grace models.User
	if err := db.Where("name = ?", "grace").First(&grace).Error; err != nil { // main
		return err
	}
	if err := db.Create(&models.LogEntry{UserID: grace.ID, Event: "left"}).Error; err != nil { // source of analytics
		return err
	}
	if err := db.Preload("Logs").First(&grace).Error; err != nil { // main, then replica of analytics
		return err
	}
	fmt.Fprintf(out, "says the replica: %s\n", events(grace.Logs))

	var latest []models.LogEntry
	err := db.Clauses(dbresolver.Write).Where("user_id = ?", grace.ID).Order("id").Find(&latest).Error // source of analytics
	fmt.Fprintf(out, "says the source:  %s\n", events(latest))
	return err
}

// endregion

// region rollback
func rollback(db *gorm.DB, out io.Writer) error {
	err := db.Transaction(func(tx *gorm.DB) error {
		linus := models.User{Name: "linus", Logs: []models.LogEntry{{Event: "joined"}}}
		if err := tx.Create(&linus).Error; err != nil { // a row in main, a row in analytics
			return err
		}
		var entries int64
		if err := tx.Model(&models.LogEntry{}).Where("user_id = ?", linus.ID).Count(&entries).Error; err != nil {
			return err
		}
		fmt.Fprintf(out, "in the transaction: linus has id %d and %d log entry\n", linus.ID, entries)
		return tx.Create(&models.LogEntry{ID: 1, UserID: linus.ID, Event: "first login"}).Error // id 1 is taken
	})
	fmt.Fprintln(out, "error:", err)
	if !errors.Is(err, gorm.ErrDuplicatedKey) {
		return fmt.Errorf("the insert should have failed with a duplicated key, but returned %v", err)
	}
	return nil
}

// endregion

// region explain
func explain(db *gorm.DB, plugin *bindkey.Plugin, out io.Writer) error {
	answers := table{columns: []string{"statement", "bind", "because of", "operation", "pool"}}
	dry := db.Session(&gorm.Session{DryRun: true})
	for _, ask := range []struct {
		statement string
		tx        *gorm.DB
	}{
		{`Find(&users)`, dry.Find(&[]models.User{})},
		{`Find(&entries)`, dry.Find(&[]models.LogEntry{})},
		{`Create(&entry)`, dry.Create(&models.LogEntry{Event: "joined"})},
		{`Table("logs")`, db.Table("logs")},
		{`Raw("SELECT count(*) FROM users")`, db.Raw("SELECT count(*) FROM users")},
		{`Clauses(bindkey.Use("analytics")).Table("events")`, db.Clauses(bindkey.Use("analytics")).Table("events")},
	} {
		route, err := plugin.Explain(ask.tx)
		if err != nil {
			return err
		}
		answers.add(ask.statement, route.Key, string(route.Why), string(route.Operation), strings.Join(route.Roles, ", "))
	}
	fmt.Fprint(out, answers)
	return nil
}

// endregion

// region refuse
func refuse(db *gorm.DB, out io.Writer) error {
	var users []models.User
	unknown := db.Clauses(bindkey.Use("archive")).Find(&users).Error
	crossing := db.Joins("JOIN logs ON logs.user_id = users.id").Find(&users).Error
	fmt.Fprintf(out, "%v\n\n%v\n", unknown, crossing)
	if !errors.Is(unknown, bindkey.ErrUnknownBind) || !errors.Is(crossing, bindkey.ErrCrossBind) {
		return errors.New("a statement that should be refused was not")
	}
	return nil
}

// endregion

// region crossbind
func crossBind(db *gorm.DB, out io.Writer) error {
	// No database can answer this: users are in one, logs in the other.
	active := db.Model(&models.LogEntry{}).Select("user_id")
	var crossing *bindkey.CrossBindError
	if err := db.Where("id IN (?)", active).Find(&[]models.User{}).Error; !errors.As(err, &crossing) {
		return fmt.Errorf("a statement of two databases was not refused: %w", err)
	}
	for _, claim := range crossing.Claims {
		fmt.Fprintf(out, "%s is in %s\n", claim.Source, claim.Key)
	}

	// Two statements can.
	var ids []uint
	if err := db.Clauses(dbresolver.Write).Model(&models.LogEntry{}).Distinct("user_id").Pluck("user_id", &ids).Error; err != nil {
		return err
	}
	var names []string
	err := db.Model(&models.User{}).Where("id IN ?", ids).Order("id").Pluck("name", &names).Error
	fmt.Fprintln(out, "users with a log entry:", names)
	return err
}

// endregion

// region map
func drawMap(plugin *bindkey.Plugin, out io.Writer) error {
	_, err := fmt.Fprint(out, plugin.Map()) // which model lives where, and why
	return err
}

// endregion
