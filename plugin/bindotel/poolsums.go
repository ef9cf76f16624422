package bindotel

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A poolSums sums up the pools of a bind's tenants by role, since each would be a series of
// its own, unless that was asked for. Pools of tenants are closed, and counters must not go
// back: what a closed pool has counted stays in its series. What a pool has counted that was
// opened and closed between two collections is not known.
type poolSums struct {
	tenants bool // have series of their own

	mu     sync.Mutex // several readers may collect at once
	open   map[*sql.DB]bindkey.Placement
	closed map[bindkey.Placement]sql.DBStats // by series, the counters of pools that are closed
}

// of are the sums of now, by series.
func (s *poolSums) of(pools func() []bindkey.Pool) map[bindkey.Placement]sql.DBStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	open, sums := map[*sql.DB]bindkey.Placement{}, map[bindkey.Placement]sql.DBStats{}
	for _, pool := range pools() {
		at := bindkey.Placement{Key: pool.Key, Role: pool.Role}
		if s.tenants {
			at.Tenant = pool.Tenant
		}
		if pool.Tenant != "" {
			open[pool.DB] = at
		}
		stats, sum := pool.DB.Stats(), sums[at]
		sum.InUse += stats.InUse
		sum.Idle += stats.Idle
		sum.MaxOpenConnections += stats.MaxOpenConnections
		sums[at] = counted(sum, stats)
	}
	for db, at := range s.open {
		switch _, listed := open[db]; {
		case listed:
		case isClosed(db):
			if s.closed == nil {
				s.closed = map[bindkey.Placement]sql.DBStats{}
			}
			s.closed[at] = counted(s.closed[at], db.Stats())
		default: // the program has supplied it, and may do so again
			open[db] = at
			sums[at] = counted(sums[at], db.Stats())
		}
	}
	s.open = open
	for at, before := range s.closed {
		sums[at] = counted(sums[at], before)
	}
	return sums
}

// isClosed reports whether a pool is closed, which it says before it looks at the context.
func isClosed(db *sql.DB) bool {
	ended, end := context.WithCancel(context.Background())
	end()
	return !errors.Is(db.PingContext(ended), context.Canceled)
}

// counted is a sum with the counters of another pool.
func counted(sum, other sql.DBStats) sql.DBStats {
	sum.WaitCount += other.WaitCount
	sum.WaitDuration += other.WaitDuration
	return sum
}
