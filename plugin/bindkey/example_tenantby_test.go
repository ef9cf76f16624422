package bindkey_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log"
	"os"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Visit lives in the shard of its user.
type Visit struct {
	_      struct{} `bind:"shard"`
	ID     uint
	UserID uint32
}

// userID is what the context has.
type userID struct{}

// Users are spread over four files by a hash of their id, which the context has.
func ExampleTenantBy() {
	dir, err := os.MkdirTemp("", "tenants")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlitedb.Open(dir+"/main.db"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		log.Fatal(err)
	}
	shardOf := func(id uint32) string {
		hash := fnv.New32a()
		_ = binary.Write(hash, binary.BigEndian, id)
		return fmt.Sprintf("shard%d", hash.Sum32()%4)
	}
	open := func(_ context.Context, shard string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/" + shard + ".db")}}, nil
	}
	plugin := bindkey.New(bindkey.Tenants("shard", open, bindkey.TenantBy(func(ctx context.Context) (shard string, ok bool) {
		id, ok := ctx.Value(userID{}).(uint32)
		return shardOf(id), ok
	})))
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()

	shards := []string{"shard0", "shard1", "shard2", "shard3"}
	err = plugin.EachTenant(context.Background(), shards, func(ctx context.Context) error {
		return db.WithContext(ctx).AutoMigrate(&Visit{})
	})
	for id := uint32(1); id <= 100 && err == nil; id++ {
		ctx := context.WithValue(context.Background(), userID{}, id)
		err = db.WithContext(ctx).Create(&Visit{UserID: id}).Error
	}

	// A query over all shards is one for each.
	var all, used atomic.Int64
	err = errors.Join(err, plugin.EachTenant(context.Background(), shards, func(ctx context.Context) error {
		var visits []Visit
		err := db.WithContext(ctx).Find(&visits).Error
		for _, visit := range visits {
			if shardOf(visit.UserID) != bindkey.TenantOf(ctx, "shard") {
				return fmt.Errorf("user %d is elsewhere", visit.UserID)
			}
		}
		all.Add(int64(len(visits)))
		if len(visits) > 0 {
			used.Add(1)
		}
		return err
	}))
	fmt.Println(all.Load(), "visits in", used.Load(), "shards,", err)
	// Output: 100 visits in 4 shards, <nil>
}
