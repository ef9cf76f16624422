// Twophase kills a program with SIGKILL in the middle of transactions that are committed
// in two phases, recovers in other processes, and compares the databases.
//
//	go run ./twophase -crashes 500
//	go run ./twophase -demo        # one crash, and the databases before and after recovery
//	go run ./twophase -cost 300    # what two phases cost
//
// A coordinator is killed before each statement that it sends, during each, and at random
// moments; it is stopped (SIGSTOP) before each statement, and goes on once recovery has
// been there; its connections are cut by the servers before each statement. Two processes
// recover, one of them or both at once. After each crash no branch may be left prepared,
// each transaction must be in all databases or in none, and what the coordinator was told
// of it must be true.
//
// The files: world.go has the databases, child.go the processes that are killed and that
// recover, crash.go the crashes, judge.go what must be so afterwards, cost.go what it
// costs.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/gormbind/gormbind/integration/servers"
)

func main() {
	if role := os.Getenv(childVariable); role != "" {
		if err := child(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	crashes := flag.Int("crashes", 500, "how many crashes, over all worlds")
	onePhase := flag.Bool("onephase", false, "commit as without the option, to see what crashes do then")
	only := flag.Int("world", 0, "only this world, from 1")
	flag.BoolVar(&verbose, "v", false, "tell of each crash")
	shows := flag.Bool("demo", false, "in place of crashes, show one crash and its recovery")
	costs := flag.Int("cost", 0, "in place of crashes, measure so many transactions of each kind")
	seed := flag.Int64("seed", 1, "what random moments come from")
	flag.Parse()
	if *only > 0 {
		worlds = worlds[*only-1 : *only]
	}
	var err error
	if *shows {
		err = demo(os.Stdout)
	} else if *costs > 0 {
		servers.PrivateFsync = true
		err = cost(os.Stdout, *costs)
	} else {
		err = run(os.Stdout, *crashes, *seed, *onePhase, worlds)
	}
	if stopped := servers.StopPrivate(); err == nil {
		err = stopped
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
