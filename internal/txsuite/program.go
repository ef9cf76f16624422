package txsuite

import (
	"errors"

	"gorm.io/gorm"
)

// The three binds; alpha is the default one.
const (
	alpha = "alpha"
	beta  = "beta"
	gamma = "gamma"
)

var binds = []string{alpha, beta, gamma}

// The models, one in each bind.
type (
	Alpha struct {
		_      struct{} `bind:"alpha"`
		ID     uint
		Text   string  `gorm:"size:50"`
		Betas  []Beta  `gorm:"constraint:-"`
		Gammas []Gamma `gorm:"constraint:-"`
	}
	Beta struct {
		_       struct{} `bind:"beta"`
		ID      uint
		AlphaID *uint
		Text    string `gorm:"size:50"`
	}
	Gamma struct {
		_       struct{} `bind:"gamma"`
		ID      uint
		AlphaID *uint
		Text    string `gorm:"size:50"`
	}
)

// TableName is of schema.Tabler; GORM would call it "beta".
func (Beta) TableName() string { return "betas" }

var tables = map[string]string{alpha: "alphas", beta: "betas", gamma: "gammas"}

// errApplication is why an application rolls back by itself.
var errApplication = errors.New("the application's own error")

// A program is what an application does in a transaction. It is run against
// databases, and read by the model of the promises (promise.go).
type program struct {
	name  string
	way   way
	body  []step
	fails bool // the application rolls back at the end
	twice bool // small enough for two faults in one run
}

// The ways to have a transaction.
type way string

const (
	inTransaction way = "Transaction" // db.Transaction
	byHand        way = "Begin"       // db.Begin, Commit, Rollback
	byDefault     way = "default"     // GORM's own: one write, and no handle to register outcome functions on
)

// A step of a program is one of these.
type (
	step interface{}

	// write is one call of GORM, which makes these statements in this order.
	write struct {
		do   func(*gorm.DB) error
		made []made
	}
	// nested is a nested Transaction.
	nested struct {
		body     []step
		fails    bool // its function returns an error of its own
		swallows bool // the application ignores its error, whatever it is
	}
	savePoint  string
	rollBackTo string
)

// made is a statement in a bind, and the row that it leaves there.
type made struct{ bind, row string }

func create(bind, row string) write {
	return write{func(tx *gorm.DB) error {
		switch bind {
		case alpha:
			return tx.Create(&Alpha{Text: row}).Error
		case beta:
			return tx.Create(&Beta{Text: row}).Error
		default:
			return tx.Create(&Gamma{Text: row}).Error
		}
	}, []made{{bind, row}}}
}

func exec(bind, row string) write {
	return write{func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO "+tables[bind]+" (text) VALUES (?)", row).Error
	}, []made{{bind, row}}}
}

func count(bind string) write {
	return write{func(tx *gorm.DB) error {
		var n int64
		return tx.Table(tables[bind]).Count(&n).Error
	}, []made{{bind: bind}}}
}

var programs = []program{
	{name: "three binds", way: inTransaction, twice: true, body: []step{
		create(beta, "b1"), create(alpha, "a1"), count(beta), create(gamma, "g1"), exec(beta, "b2")}},
	{name: "one bind", way: inTransaction, body: []step{create(gamma, "g1"), exec(gamma, "g2")}},
	{name: "the application fails", way: inTransaction, fails: true, body: []step{create(alpha, "a1"), create(beta, "b1")}},
	{name: "by hand", way: byHand, body: []step{create(gamma, "g1"), create(alpha, "a1"), create(beta, "b1")}},
	{name: "by hand, rolled back", way: byHand, fails: true, twice: true, body: []step{
		create(gamma, "g1"), create(alpha, "a1"), create(beta, "b1")}},
	{name: "nested, its own error swallowed", way: inTransaction, body: []step{
		create(alpha, "a1"),
		nested{body: []step{create(beta, "b1"), create(alpha, "a2")}, fails: true, swallows: true},
		create(gamma, "g1"), create(beta, "b2")}},
	{name: "nested, any error swallowed", way: inTransaction, body: []step{
		create(alpha, "a1"), create(beta, "b1"),
		nested{body: []step{create(beta, "b2"), create(gamma, "g1")}, swallows: true},
		create(alpha, "a2")}},
	{name: "nested, any error swallowed, at the end", way: inTransaction, body: []step{
		create(gamma, "g1"), create(beta, "b1"),
		nested{body: []step{create(alpha, "a1"), exec(gamma, "g2")}, swallows: true}}},
	{name: "nested twice", way: inTransaction, body: []step{
		create(alpha, "a1"),
		nested{body: []step{create(beta, "b1"),
			nested{body: []step{create(gamma, "g1")}, fails: true, swallows: true},
			create(gamma, "g2")}},
		nested{body: []step{exec(alpha, "a2")}}}},
	{name: "nested, its error propagates", way: inTransaction, body: []step{
		create(alpha, "a1"), nested{body: []step{create(beta, "b1")}, fails: true}}},
	{name: "a bind joins after a savepoint", way: inTransaction, body: []step{
		create(beta, "b1"), savePoint("midway"),
		create(alpha, "a1"), create(beta, "b2"), rollBackTo("midway"),
		create(alpha, "a2"), create(gamma, "g1")}},
	{name: "associations", way: byDefault, body: []step{
		write{func(tx *gorm.DB) error {
			return tx.Create(&Alpha{Text: "a1", Betas: []Beta{{Text: "b1"}, {Text: "b2"}}, Gammas: []Gamma{{Text: "g1"}}}).Error
		}, []made{{alpha, "a1"}, {beta, "b1 b2"}, {gamma, "g1"}}}}},
	{name: "batches", way: byDefault, body: []step{
		write{func(tx *gorm.DB) error {
			return tx.CreateInBatches([]Alpha{{Text: "a1"}, {Text: "a2", Betas: []Beta{{Text: "b1"}}}, {Text: "a3", Gammas: []Gamma{{Text: "g1"}}}}, 2).Error
		}, []made{{alpha, "a1 a2"}, {beta, "b1"}, {alpha, "a3"}, {gamma, "g1"}}}}},
}
