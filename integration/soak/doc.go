// Soak runs transactions of every kind over three binds (a SQLite file,
// PostgreSQL, MariaDB), while connections are cut, queries killed and servers
// frozen, and compares what the library told of each transaction with the rows
// that plain database/sql finds in the databases afterwards.
//
//	go run ./soak -seed 1 -for 1h      # transactions under faults
//	go run ./soak -seed 1 -round 17    # one round again, as a finding names it
//	go run ./soak -kill9 200           # the process itself is killed, again and again
//	go run ./soak -kill9 200 -twophase # the same with two-phase commit
//
// What is random comes from the seed: the binds' order, the settings, each
// transaction's statements and its faults. What the scheduler and the servers do
// does not, so a round may have to be repeated until it finds the same again
// (-repeat). A finding prints the whole story of its transaction.
//
// The files: database.go and product.go have the databases, handle.go the handle over
// them, world.go a round, proxy.go the network between, fault.go what goes wrong,
// txn.go and step.go the transactions, story.go what is known of one from outside,
// model.go the checks of stories against rows, remains.go what a round must not
// leave behind, kill9.go and victim.go the process that is killed.
package main
