// Package integration proves the library on real servers: PostgreSQL and
// MariaDB. It is a module of its own, so that their drivers stay out of the
// library's go.mod. Its tests are in this package; package servers gives them
// databases of their own, and package cut breaks connections where it hurts.
// Program soak runs random transactions under random faults, for hours.
//
//	go test -race -short -timeout 60s ./...    # 20 seconds
//	go test -race -timeout 300s ./...          # and every fault at every call
//
// Command benchmarks measures there what routing costs.
//
// The servers' addresses come from GORMBIND_POSTGRES_DSN and
// GORMBIND_MYSQL_DSN. Tests skip where no server answers, unless
// REQUIRE_SERVERS is set, which makes that a failure.
package integration
