package dbpool

import (
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
)

// Drivers that can't read a DSN say where they stopped, and so a part of it.
func TestWithoutSecrets(t *testing.T) {
	for _, c := range []struct{ dsn, says string }{
		{"postgres://bob:s3cr#3t@host/db", `invalid port ":s3cr" after host`},
		{"postgres://bob:s3cr3t@host/db", "failed to connect to postgres://bob:s3cr3t@host/db"},
		{`host=h user=bob password=s3cr3t\ s3crword dbname=d`, `invalid keyword: s3crword in s3cr3t`},
		{`host=h password='s3cr3t s3crword'`, `near 's3cr3t s3crword'`},
		{"bob:s3cr3t/x@tcp(host)/db", "default addr for network 'bob:s3cr3t' unknown"},
		{"bob:s3cr3t@tcp(host:3306)/db?parseTime=s3crword", "invalid bool value: s3crword"},
	} {
		if got := WithoutSecrets(c.says, sqlite.Dialector{DSN: c.dsn}); strings.Contains(got, "s3cr") {
			t.Errorf("%s: tells %q", c.dsn, got)
		}
	}
}
