package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

const (
	twoPhaseVariable = "GORMBIND_SOAK_TWOPHASE"
	victimVariable   = "GORMBIND_SOAK_VICTIM"
	victimRows       = 2 // of a transaction in each database
	victimWorkers    = 3
)

// A victimDatabase is what the process that is killed is told of a database.
type victimDatabase struct{ Product, DSN string }

func describe(set []*product, dsns []string) string {
	var all []victimDatabase
	for i, p := range set {
		all = append(all, victimDatabase{p.name, dsns[i]})
	}
	text, _ := json.Marshal(all) // strings alone
	return string(text)
}

// victim writes into all its databases, in one transaction after the other, until
// it is killed. It tells when it has begun.
func victim() error {
	var databases []victimDatabase
	if err := json.Unmarshal([]byte(os.Getenv(victimVariable)), &databases); err != nil {
		return err
	}
	db, _, err := victimHandle(databases, os.Getenv(twoPhaseVariable) == "true")
	if err != nil {
		return err
	}
	var (
		txns    atomic.Int64
		ready   sync.Once
		working sync.WaitGroup
	)
	for i := 0; i < victimWorkers; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for {
				err := victimTransaction(db, txns.Add(1), len(databases))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				ready.Do(func() { fmt.Println("ready") })
			}
		}()
	}
	working.Wait()
	return fmt.Errorf("the transactions ended")
}

func victimHandle(databases []victimDatabase, twoPhase bool) (*gorm.DB, *bindkey.Plugin, error) {
	dialectors := make([]gorm.Dialector, len(databases))
	for i, of := range databases {
		d := &database{}
		var pool *sql.DB
		for _, p := range products {
			if p.name == of.Product {
				d.product = p
			}
		}
		pool, err := d.product.openDSN(of.DSN)
		if err != nil {
			return nil, nil, err
		}
		dialectors[i] = d.dialector(pool)
	}
	db, err := gorm.Open(dialectors[0], &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, err
	}
	var options []bindkey.Option
	if twoPhase {
		options = append(options, bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: "soak", Grace: time.Nanosecond, Every: -1}))
	}
	plugin := bindkey.New(options...)
	for i := 1; i < len(dialectors); i++ {
		plugin.Register(keys[i], dbresolver.Config{Sources: dialectors[i : i+1]})
	}
	return db, plugin, db.Use(plugin)
}

// closeVictim closes the pools of a handle, which were given to it.
func closeVictim(db *gorm.DB, plugin *bindkey.Plugin) error {
	err := plugin.Close()
	for _, key := range plugin.Keys() {
		resolver, failed := plugin.Resolver(key)
		if failed == nil {
			if pool, _ := resolver.DB.DB(); pool != nil {
				err = errors.Join(err, pool.Close())
			}
		}
	}
	if pool, failed := db.DB(); failed == nil {
		err = errors.Join(err, pool.Close())
	}
	return err
}

func victimTransaction(db *gorm.DB, id int64, binds int) error {
	return db.Transaction(func(tx *gorm.DB) error {
		for _, key := range keys[:binds] {
			for seq := int64(1); seq <= victimRows; seq++ {
				r := Row{ID: id*rowsPerTxn + seq, Name: rowName(key, id, seq, ""), Bind: key, Txn: id, Seq: seq}
				if err := tx.Create(victimModel(key, r)).Error; err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// A LoneMainRow is a MainRow without relations into binds that the victim may not
// have.
type LoneMainRow struct {
	_ struct{} `bind:"main"`
	Row
}

// TableName is MainRow's.
func (LoneMainRow) TableName() string { return "main_rows" }

func victimModel(key string, r Row) any {
	if key == "main" {
		return &LoneMainRow{Row: r}
	}
	return rowModel(key, r)
}
