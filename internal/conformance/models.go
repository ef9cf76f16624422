package conformance

import (
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// The models that are near: those with the relations. Models have no key of
// their own, since a layout says where they live.
type (
	// Person has a relation of every kind.
	Person struct {
		ID        uint
		Name      string `gorm:"size:64;uniqueIndex;check:chk_people_name,name <> 'refused'"`
		Age       int
		Origin    string `gorm:"size:16"`
		TeamID    *uint
		Team      *Team // belongs to
		BossID    *uint
		Boss      *Person   // belongs to itself
		Reports   []Person  `gorm:"foreignKey:BossID"` // has many of itself
		Passport  *Passport // has one
		Letters   []Letter  // has many
		Clubs     []Club    `gorm:"many2many:memberships"`
		Friends   []*Person `gorm:"many2many:friendships"`
		Notes     []Note    `gorm:"polymorphic:Owner;polymorphicValue:person"`
		CreatedAt time.Time
		UpdatedAt time.Time
		DeletedAt gorm.DeletedAt
	}
	// Stamp is near and belongs to a Letter, which is far and belongs to a
	// Person: preloads go there and back.
	Stamp struct {
		ID       uint
		LetterID uint
		Price    int
		Origin   string `gorm:"size:16"`
	}
	// City belongs to a Country by a string.
	City struct {
		ID          uint
		Name        string `gorm:"size:64"`
		Origin      string `gorm:"size:16"`
		CountryCode string `gorm:"size:2"`
		Country     *Country
	}
	// Slot has a composite primary key.
	Slot struct {
		Day      string    `gorm:"primaryKey;size:10"`
		Hour     int       `gorm:"primaryKey;autoIncrement:false"`
		Room     string    `gorm:"size:16"`
		Origin   string    `gorm:"size:16"`
		Bookings []Booking `gorm:"foreignKey:SlotDay,SlotHour;references:Day,Hour"`
	}
	// Specimen has a column of every kind.
	Specimen struct {
		ID       uint64
		Origin   string `gorm:"size:16"`
		Number   int64
		Small    int8
		Unsigned uint32
		Ratio    float64
		Yes      bool
		Text     string
		Long     string `gorm:"type:text"`
		Blob     []byte
		At       time.Time  `gorm:"precision:6"`
		Maybe    *time.Time `gorm:"precision:6"`
		Perhaps  sql.NullString
		Count    *int64
		Labels   []string       `gorm:"serializer:json"`
		Extra    map[string]any `gorm:"serializer:json"`
		Unix     int64          `gorm:"serializer:unixtime;type:timestamp null"`
		Size     Size           `gorm:"embedded;embeddedPrefix:size_"`
		Secret   string         `gorm:"<-:create"`
		Ignored  string         `gorm:"-"`
		Renamed  string         `gorm:"column:other_name;size:32"`
		Changed  int64          `gorm:"autoUpdateTime:milli"`
	}
	// Size is embedded.
	Size struct {
		Width  int
		Height int
	}
	// Ticket has defaults, of which the database makes one.
	Ticket struct {
		ID       uint
		Title    string  `gorm:"size:32"`
		Origin   string  `gorm:"size:16"`
		State    string  `gorm:"size:16;default:open"`
		Priority int     `gorm:"default:3"`
		Points   int     `gorm:"default:(1 + 6)"`
		Done     *bool   `gorm:"default:false"`
		Comment  *string `gorm:"size:32"`
	}
	// Owner and Pet have a foreign key between them, in every database.
	Owner struct {
		ID     uint
		Name   string `gorm:"size:32"`
		Origin string `gorm:"size:16"`
		Pets   []Pet
	}
	// Pet must have an owner.
	Pet struct {
		ID      uint
		Name    string `gorm:"size:32"`
		Origin  string `gorm:"size:16"`
		OwnerID uint
	}
	// Order has hooks that ask for other models, and write them.
	Order struct {
		ID     uint
		Item   string `gorm:"size:32"`
		Origin string `gorm:"size:16"`
		Total  int64
	}
)

// The models that are far.
type (
	// Team has many people.
	Team struct {
		ID     uint
		Name   string `gorm:"size:64"`
		Origin string `gorm:"size:16"`
	}
	// Passport belongs to a person.
	Passport struct {
		ID       uint
		PersonID *uint
		Number   string `gorm:"size:32;uniqueIndex;check:chk_passports_number,number <> 'refused'"`
		Origin   string `gorm:"size:16"`
	}
	// Letter is in the middle: its person and its stamps are near.
	Letter struct {
		ID        uint
		PersonID  *uint
		Person    *Person
		Title     string `gorm:"size:64"`
		Origin    string `gorm:"size:16"`
		Stamps    []Stamp
		DeletedAt gorm.DeletedAt
	}
	// Club is at the other end of a join table, which is near.
	Club struct {
		ID     uint
		Name   string `gorm:"size:64"`
		Origin string `gorm:"size:16"`
	}
	// Note is polymorphic.
	Note struct {
		ID        uint
		OwnerID   uint
		OwnerType string `gorm:"size:16"`
		Text      string `gorm:"size:64"`
		Origin    string `gorm:"size:16"`
	}
	// Country has a string as its primary key.
	Country struct {
		Code   string `gorm:"primaryKey;size:2"`
		Name   string `gorm:"size:64"`
		Origin string `gorm:"size:16"`
	}
	// Booking has a composite foreign key.
	Booking struct {
		ID       uint
		SlotDay  string `gorm:"size:10"`
		SlotHour int
		Guest    string `gorm:"size:32"`
		Origin   string `gorm:"size:16"`
	}
	// Audit is written by the hooks of Order.
	Audit struct {
		ID     uint
		Text   string `gorm:"size:64"`
		Origin string `gorm:"size:16"`
	}
)

// TableName is of schema.Tabler. "orders" would be a word in raw SQL.
func (Order) TableName() string { return "purchases" }

// BeforeCreate reads what is far.
func (o *Order) BeforeCreate(tx *gorm.DB) error {
	return tx.Model(&Team{}).Where("name <> ?", o.Item).Count(&o.Total).Error
}

// AfterCreate writes what is far, in the same transaction.
func (o *Order) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&Audit{Text: "created " + o.Item, Origin: "hook"}).Error
}

// BeforeUpdate changes the values that are about to be written.
func (o *Order) BeforeUpdate(tx *gorm.DB) error {
	if tx.Statement.Changed("Item") {
		tx.Statement.SetColumn("Total", 77)
	}
	return nil
}

// AfterUpdate writes what is far with SQL.
func (o *Order) AfterUpdate(tx *gorm.DB) error {
	return tx.Exec("INSERT INTO audits (text, origin) VALUES (?, ?)", "updated", "hook").Error
}

// BeforeDelete refuses to delete one order.
func (o *Order) BeforeDelete(tx *gorm.DB) error {
	if o.Item == "forever" {
		return errForever
	}
	return tx.Create(&Audit{Text: "deleted " + o.Item, Origin: "hook"}).Error
}

// AfterFind reads what is far.
func (o *Order) AfterFind(tx *gorm.DB) error {
	return tx.Model(&Audit{}).Count(&o.Total).Error
}

// A table is one that every database has.
type table struct {
	name string
	far  bool
	id   bool                                   // its ids are generated
	rows func(origin string, extra int) (_ any) // what is there before each case
}

// moment is when everything happens. MariaDB keeps milliseconds where nothing
// else is asked for.
var moment = time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC)

func ref[T any](value T) *T { return &value }

// The rows that a case finds. extra rows make the decoys' counts differ.
// In the order in which foreign keys let them be inserted.
var tables = []table{
	{name: "teams", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Team { return Team{ID: uint(i), Name: fmt.Sprint("team", i), Origin: origin} })
	}},
	{name: "people", id: true, rows: func(origin string, extra int) any {
		return seed(4+extra, func(i int) Person {
			p := Person{ID: uint(i), Name: fmt.Sprint("person", i), Age: 20 + i + extra, Origin: origin, CreatedAt: moment, UpdatedAt: moment}
			switch i {
			case 1:
				p.TeamID = ref(uint(1))
			case 2, 3:
				p.TeamID, p.BossID = ref(uint(2)), ref(uint(1))
			case 4:
				p.DeletedAt = gorm.DeletedAt{Time: moment, Valid: true}
			}
			return p
		})
	}},
	{name: "passports", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Passport {
			return Passport{ID: uint(i), PersonID: ref(uint(i)), Number: fmt.Sprint("P", i+extra), Origin: origin}
		})
	}},
	{name: "letters", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(4+extra, func(i int) Letter {
			return Letter{ID: uint(i), PersonID: ref(uint(1 + i/3)), Title: fmt.Sprint("letter", i), Origin: origin}
		})
	}},
	{name: "stamps", id: true, rows: func(origin string, extra int) any {
		return seed(5+extra, func(i int) Stamp {
			return Stamp{ID: uint(i), LetterID: uint(1 + i/2), Price: 10 * (i + extra), Origin: origin}
		})
	}},
	{name: "clubs", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Club { return Club{ID: uint(i), Name: fmt.Sprint("club", i), Origin: origin} })
	}},
	{name: "memberships", rows: func(_ string, extra int) any {
		type membership struct{ PersonID, ClubID uint }
		return seed(2+extra, func(i int) membership { return membership{PersonID: 1, ClubID: uint(i + extra)} })
	}},
	{name: "friendships", rows: func(_ string, extra int) any {
		type friendship struct{ PersonID, FriendID uint }
		return seed(2+extra, func(i int) friendship { return friendship{PersonID: 1, FriendID: uint(i + 1 + extra)} })
	}},
	{name: "notes", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Note {
			return Note{ID: uint(i), OwnerID: uint(1 + i/3), OwnerType: "person", Text: fmt.Sprint("note", i), Origin: origin}
		})
	}},
	{name: "countries", far: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Country {
			return Country{Code: []string{"", "at", "be", "ch", "de", "es"}[i], Name: fmt.Sprint("country", i), Origin: origin}
		})
	}},
	{name: "cities", id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) City {
			return City{ID: uint(i), Name: fmt.Sprint("city", i), CountryCode: []string{"at", "be"}[i%2], Origin: origin}
		})
	}},
	{name: "slots", rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Slot {
			return Slot{Day: []string{"mon", "tue"}[i%2], Hour: 8 + i, Room: fmt.Sprint("room", i), Origin: origin}
		})
	}},
	{name: "bookings", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Booking {
			return Booking{ID: uint(i), SlotDay: "tue", SlotHour: 9 + i/3*2, Guest: fmt.Sprint("guest", i), Origin: origin}
		})
	}},
	{name: "specimens", id: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Specimen { return specimen(i, origin) })
	}},
	{name: "tickets", id: true, rows: func(origin string, extra int) any {
		return seed(3+extra, func(i int) Ticket {
			return Ticket{ID: uint(i), Title: fmt.Sprint("ticket", i), Origin: origin, State: "closed", Priority: i + extra, Points: i, Done: ref(true)}
		})
	}},
	{name: "owners", id: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Owner { return Owner{ID: uint(i), Name: fmt.Sprint("owner", i), Origin: origin} })
	}},
	{name: "pets", id: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Pet { return Pet{ID: uint(i), Name: fmt.Sprint("pet", i), OwnerID: 1, Origin: origin} })
	}},
	{name: "purchases", id: true, rows: func(origin string, extra int) any {
		return seed(2+extra, func(i int) Order { return Order{ID: uint(i), Item: fmt.Sprint("item", i), Origin: origin} })
	}},
	{name: "audits", far: true, id: true, rows: func(origin string, extra int) any {
		return seed(1+extra, func(i int) Audit { return Audit{ID: uint(i), Text: fmt.Sprint("audit", i), Origin: origin} })
	}},
}

func seed[T any](n int, row func(i int) T) *[]T {
	rows := make([]T, n)
	for i := range rows {
		rows[i] = row(i + 1)
	}
	return &rows
}

func specimen(i int, origin string) Specimen {
	s := Specimen{
		ID: uint64(i), Origin: origin,
		Number: -1 << 62, Small: int8(-i), Unsigned: 1<<32 - 1, Ratio: 0.25 * float64(i), Yes: i%2 == 1,
		Text: "it's \"quoted\" `and` 100% ünïcode \\ ? $1 @x", Long: "line\nline", Blob: []byte{0, 1, 0xfe, 0xff},
		At:     moment.Add(456 * time.Microsecond),
		Labels: []string{"a", "b"}, Extra: map[string]any{"k": "v", "n": 1.5},
		Unix: 1700000000, Size: Size{Width: i, Height: 2 * i}, Secret: "once", Renamed: "column", Changed: 5,
	}
	if i%2 == 0 {
		s.Maybe, s.Perhaps, s.Count = ref(moment), sql.NullString{String: "yes", Valid: true}, ref(int64(i))
	}
	return s
}

// The models, as programs give them to AutoMigrate and to the plugin.
func models(far bool) []any {
	if far {
		return []any{&Team{}, &Passport{}, &Letter{}, &Club{}, &Note{}, &Country{}, &Booking{}, &Audit{}}
	}
	return []any{&Person{}, &Stamp{}, &City{}, &Slot{}, &Specimen{}, &Ticket{}, &Owner{}, &Pet{}, &Order{}}
}
