package integration

import (
	"os"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// region server
func openOnPostgreSQL(t *testing.T) *gorm.DB {
	server := bindtest.Server{
		Driver:    "pgx",
		DSN:       func(database string) string { return "host=127.0.0.1 user=postgres sslmode=disable dbname=" + database },
		Dialector: func(pool gorm.ConnPool) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
	}
	return bindtest.Open(t, bindkey.New(bindkey.Models(&User{}, &LogEntry{})), bindtest.On(server, "main"))
}

// endregion

func TestKitOnPostgreSQL(t *testing.T) {
	servers.PostgreSQL.Need(t)
	if os.Getenv("GORMBIND_POSTGRES_DSN") != "" {
		t.Skip("the program of docs/testing.md has the default address")
	}
	db := openOnPostgreSQL(t)
	must(t, db.Create(&User{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}).Error)
	if got := kitHolds(t, db); got != "ada, 1 logs" {
		t.Errorf("the databases hold %s", got)
	}
}
