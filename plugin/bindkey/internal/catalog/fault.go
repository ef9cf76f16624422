package catalog

// A Fault is why a key can't be told: an [Invalid], a [Conflict], an [Ambiguous]
// or an [Unknown].
type Fault interface{ fault() }

// Invalid is a key that can't be read, or what only looks like one.
type Invalid struct {
	Subject string // what should have the key: "model shop.Order"
	Reason  string // what is wrong, and the way out
}

// Conflict is one thing with two keys.
type Conflict struct {
	Subject string
	Claims  []Claim
	Way     string // the way out
}

// Ambiguous is the name of a table that was registered under several keys.
type Ambiguous struct {
	Table string
	Keys  []string // sorted
}

// Unknown is a key that no bind has.
type Unknown struct {
	Key   string
	Model string // what has the key
}

func (Invalid) fault()   {}
func (Conflict) fault()  {}
func (Ambiguous) fault() {}
func (Unknown) fault()   {}
