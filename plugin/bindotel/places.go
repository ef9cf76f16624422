package bindotel

import (
	"database/sql"
	"sync"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// places are what is known of pools. Tenants come and go, so those of closed pools are
// dropped: there are never many more than pools that are open.
type places struct {
	all sync.Map // bindkey.Placement → *place

	mu    sync.Mutex
	count int // how many there are
	limit int // how many there may be before those of closed pools are looked for
}

func (k *places) load(at bindkey.Placement) *place {
	known, _ := k.all.Load(at)
	found, _ := known.(*place)
	return found
}

// store keeps a place. To look for closed pools takes a walk over the open ones, so it is
// done each time that the number has doubled.
func (k *places) store(at bindkey.Placement, found *place, p *bindkey.Plugin) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, replaced := k.all.Swap(at, found); !replaced {
		k.count++
	}
	if at.Tenant == "" || p == nil || k.count <= k.limit {
		return
	}
	open := map[*sql.DB]bool{}
	for _, pool := range p.Pools() {
		open[pool.DB] = true
	}
	k.all.Range(func(at, known any) bool {
		if at.(bindkey.Placement).Tenant != "" && !open[known.(*place).of] {
			k.all.Delete(at)
			k.count--
		}
		return true
	})
	k.limit = 2*k.count + 32
}
