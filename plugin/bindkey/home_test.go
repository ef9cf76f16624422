package bindkey_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models of the join tables: authors live in analytics, books in archive,
// readers in the default bind.
type (
	KeyAuthor struct {
		ID    uint      `gorm:"primaryKey" bind:"analytics"` // GORM copies this tag into join tables
		Books []KeyBook `gorm:"many2many:key_author_books"`
	}
	KeyBook struct {
		ID uint `gorm:"primaryKey" bind:"archive"`
	}
	KeyAuthorTagged struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Books []KeyBook `gorm:"many2many:key_tagged_books" bind:"archive"`
	}
	KeyReader struct {
		ID    uint
		Books []KeyBook `gorm:"many2many:key_reader_books"`
	}
	KeyEditor struct {
		ID    uint
		Books []KeyBook `gorm:"many2many:key_editor_books" bind:"archive"`
	}
	KeyShelfBase struct {
		Books []KeyBook `gorm:"many2many:key_shelf_books" bind:"analytics"`
	}
	KeyShelf struct {
		ID uint
		KeyShelfBase
	}
	KeyUnknownJoin struct {
		ID    uint
		Books []KeyBook `gorm:"many2many:key_unknown_books" bind:"nowhere"`
	}
	KeyEmptyJoin struct {
		ID    uint
		Books []KeyBook `gorm:"many2many:key_empty_books" bind:""`
	}

	// both sides declare the join table, and live in different binds
	KeyLeft struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		Rights []KeyRight `gorm:"many2many:key_left_rights"`
	}
	KeyRight struct {
		_     struct{} `bind:"archive"`
		ID    uint
		Lefts []KeyLeft `gorm:"many2many:key_left_rights"`
	}
	// both sides declare the join table, and their tags agree
	KeyNorth struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		Souths []KeySouth `gorm:"many2many:key_north_souths" bind:"main"`
	}
	KeySouth struct {
		_      struct{} `bind:"archive"`
		ID     uint
		Norths []KeyNorth `gorm:"many2many:key_north_souths" bind:"main"`
	}
	// both sides declare the join table: one by tag, where the other lives
	KeyEast struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Wests []KeyWest `gorm:"many2many:key_east_wests" bind:"archive"`
	}
	KeyWest struct {
		_     struct{} `bind:"archive"`
		ID    uint
		Easts []KeyEast `gorm:"many2many:key_east_wests"`
	}
	// both sides declare the join table, and their tags differ
	KeyUp struct {
		ID    uint
		Downs []KeyDown `gorm:"many2many:key_up_downs" bind:"analytics"`
	}
	KeyDown struct {
		ID  uint
		Ups []KeyUp `gorm:"many2many:key_up_downs" bind:"archive"`
	}
	// one side has no key, but lives where the other is
	KeyDay struct {
		ID     uint
		Nights []KeyNight `gorm:"many2many:key_day_nights"`
	}
	KeyNight struct {
		_    struct{} `bind:"main"`
		ID   uint
		Days []KeyDay `gorm:"many2many:key_day_nights"`
	}

	KeyFriend struct {
		_       struct{} `bind:"analytics"`
		ID      uint
		Friends []*KeyFriend `gorm:"many2many:key_friendships"`
	}
	KeyFollower struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		Following []*KeyFollower `gorm:"many2many:key_follows;joinForeignKey:FromID;joinReferences:ToID" bind:"archive"`
		Followers []*KeyFollower `gorm:"many2many:key_follows;joinForeignKey:ToID;joinReferences:FromID" bind:"archive"`
	}
	KeyTwoMinds struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		Following []*KeyTwoMinds `gorm:"many2many:key_minds;joinForeignKey:FromID;joinReferences:ToID" bind:"archive"`
		Followers []*KeyTwoMinds `gorm:"many2many:key_minds;joinForeignKey:ToID;joinReferences:FromID"`
	}

	// models for SetupJoinTable
	KeySinger struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Songs []KeySong `gorm:"many2many:key_singer_songs"`
	}
	KeyChoir struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Songs []KeySong `gorm:"many2many:key_choir_songs" bind:"main"`
	}
	KeySong       struct{ ID uint }
	KeySingerSong struct {
		KeySingerID uint `gorm:"primaryKey"`
		KeySongID   uint `gorm:"primaryKey"`
		Note        string
	}
	// KeySingerSongRefers has the relations that GORM otherwise adds.
	KeySingerSongRefers struct {
		KeySingerID uint `gorm:"primaryKey"`
		KeySongID   uint `gorm:"primaryKey"`
		KeySinger   KeySinger
		KeySong     KeySong
	}
	KeySingerSongKeyed struct {
		KeySingerID uint `gorm:"primaryKey"`
		KeySongID   uint `gorm:"primaryKey"`
	}
	KeyChoirSongKeyed struct {
		_          struct{} `bind:"archive"`
		KeyChoirID uint     `gorm:"primaryKey"`
		KeySongID  uint     `gorm:"primaryKey"`
	}
	KeyChoirSongAgrees struct {
		_          struct{} `bind:"main"`
		KeyChoirID uint     `gorm:"primaryKey"`
		KeySongID  uint     `gorm:"primaryKey"`
	}

	// both sides declare the join table; SetupJoinTable is told of one, or of both
	KeyPlayer struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Games []KeyGame `gorm:"many2many:key_player_games"`
	}
	KeyGame struct {
		_       struct{} `bind:"analytics"`
		ID      uint
		Players []KeyPlayer `gorm:"many2many:key_player_games"`
	}
	KeyPlayerGame struct {
		KeyPlayerID uint `gorm:"primaryKey"`
		KeyGameID   uint `gorm:"primaryKey"`
	}
	KeyPlayerGameKeyed struct {
		_           struct{} `bind:"archive"`
		KeyPlayerID uint     `gorm:"primaryKey"`
		KeyGameID   uint     `gorm:"primaryKey"`
	}

	// owners in two binds of one polymorphic model
	KeyPostOwner struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Posts []KeyPost `gorm:"polymorphic:Owner"`
	}
	KeyOtherOwner struct {
		_    struct{} `bind:"main"`
		ID   uint
		Post *KeyPost `gorm:"polymorphic:Owner"`
	}
	KeyPost struct {
		_         struct{} `bind:"archive"`
		ID        uint
		OwnerID   uint
		OwnerType string
	}
)

func (KeyPlayerGame) TableName() string       { return "key_player_games" }
func (KeyPlayerGameKeyed) TableName() string  { return "key_player_games" }
func (KeySingerSong) TableName() string       { return "key_singer_songs" }
func (KeySingerSongRefers) TableName() string { return "key_singer_songs" }
func (KeySingerSongKeyed) TableName() string  { return "key_singer_songs" }
func (KeySingerSongKeyed) Bind() string       { return "archive" }
func (KeyChoirSongKeyed) TableName() string   { return "key_choir_songs" }
func (KeyChoirSongAgrees) TableName() string  { return "key_choir_songs" }

// TestHomeOfJoinTables saves a many2many relation and reads back, through
// plain connections, which database has the join table's row.
func TestHomeOfJoinTables(t *testing.T) {
	for _, row := range []struct {
		name   string
		data   []any // registered in archive
		setup  func(*gorm.DB) error
		models []any
		saved  any
		table  string
		file   string
		err    error
		texts  []string
	}{
		{name: "with its declarer", models: []any{&KeyAuthor{}, &KeyBook{}}, saved: &KeyAuthor{Books: []KeyBook{{ID: 7}}},
			table: "key_author_books", file: "analytics"},
		{name: "with its declarer, in the default bind", models: []any{&KeyReader{}, &KeyBook{}}, saved: &KeyReader{Books: []KeyBook{{ID: 7}}},
			table: "key_reader_books", file: "main"},
		{name: "a tag on the field says otherwise", models: []any{&KeyAuthorTagged{}, &KeyBook{}}, saved: &KeyAuthorTagged{Books: []KeyBook{{ID: 7}}},
			table: "key_tagged_books", file: "archive"},
		{name: "a tag on the field of a model without a key", models: []any{&KeyEditor{}, &KeyBook{}}, saved: &KeyEditor{Books: []KeyBook{{ID: 7}}},
			table: "key_editor_books", file: "archive"},
		{name: "a tag on the field of an embedded struct", models: []any{&KeyShelf{}, &KeyBook{}}, saved: &KeyShelf{KeyShelfBase: KeyShelfBase{Books: []KeyBook{{ID: 7}}}},
			table: "key_shelf_books", file: "analytics"},
		{name: "a name given to Register says otherwise", data: []any{"key_author_books"}, models: []any{&KeyAuthor{}, &KeyBook{}},
			saved: &KeyAuthor{Books: []KeyBook{{ID: 7}}}, table: "key_author_books", file: "archive"},
		{name: "unknown key on the field", models: []any{&KeyUnknownJoin{}}, saved: &KeyUnknownJoin{Books: []KeyBook{{ID: 7}}},
			err: bindkey.ErrUnknownBind, texts: []string{"field KeyUnknownJoin.Books", `"nowhere"`, "known: analytics, archive, main"}},
		{name: "empty key on the field", models: []any{&KeyEmptyJoin{}}, saved: &KeyEmptyJoin{Books: []KeyBook{{ID: 7}}},
			err: bindkey.ErrInvalidKey, texts: []string{"field KeyEmptyJoin.Books", "empty"}},

		{name: "two sides in two binds", models: []any{&KeyLeft{}, &KeyRight{}}, saved: &KeyLeft{Rights: []KeyRight{{ID: 7}}},
			err: bindkey.ErrConflict, texts: []string{`join table "key_left_rights"`, `field KeyLeft.Rights is in "analytics", field KeyRight.Lefts is in "archive"`}},
		{name: "two sides in two binds, from the other", models: []any{&KeyLeft{}, &KeyRight{}}, saved: &KeyRight{Lefts: []KeyLeft{{ID: 7}}},
			err: bindkey.ErrConflict, texts: []string{`field KeyLeft.Rights is in "analytics", field KeyRight.Lefts is in "archive"`}},
		{name: "two sides whose tags differ", models: []any{&KeyUp{}, &KeyDown{}}, saved: &KeyUp{Downs: []KeyDown{{ID: 7}}},
			err: bindkey.ErrConflict, texts: []string{`field KeyDown.Ups is in "archive", field KeyUp.Downs is in "analytics"`}},
		{name: "two sides whose tags agree", models: []any{&KeyNorth{}, &KeySouth{}}, saved: &KeyNorth{Souths: []KeySouth{{ID: 7}}},
			table: "key_north_souths", file: "main"},
		{name: "two sides whose tags agree, from the other", models: []any{&KeyNorth{}, &KeySouth{}}, saved: &KeySouth{Norths: []KeyNorth{{ID: 7}}},
			table: "key_north_souths", file: "main"},
		{name: "a tag says where the other side lives", models: []any{&KeyEast{}, &KeyWest{}}, saved: &KeyEast{Wests: []KeyWest{{ID: 7}}},
			table: "key_east_wests", file: "archive"},
		{name: "one side by default, the other by key", models: []any{&KeyDay{}, &KeyNight{}}, saved: &KeyDay{Nights: []KeyNight{{ID: 7}}},
			table: "key_day_nights", file: "main"},

		{name: "self-referencing", models: []any{&KeyFriend{}}, saved: &KeyFriend{Friends: []*KeyFriend{{ID: 7}}},
			table: "key_friendships", file: "analytics"},
		{name: "self-referencing, both ways", models: []any{&KeyFollower{}}, saved: &KeyFollower{Following: []*KeyFollower{{ID: 7}}, Followers: []*KeyFollower{{ID: 8}}},
			table: "key_follows", file: "archive"},
		{name: "self-referencing, the ways differ", models: []any{&KeyTwoMinds{}}, saved: &KeyTwoMinds{Following: []*KeyTwoMinds{{ID: 7}}},
			err: bindkey.ErrConflict, texts: []string{"KeyTwoMinds.Following", "KeyTwoMinds.Followers"}},

		{name: "SetupJoinTable, a model without a key", models: []any{&KeySinger{}, &KeySong{}}, saved: &KeySinger{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeySinger{}, "Songs", &KeySingerSong{}) },
			table: "key_singer_songs", file: "analytics"},
		{name: "SetupJoinTable, a model with relations of its own", models: []any{&KeySinger{}, &KeySong{}}, saved: &KeySinger{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeySinger{}, "Songs", &KeySingerSongRefers{}) },
			table: "key_singer_songs", file: "analytics"},
		{name: "SetupJoinTable, a model with a key", models: []any{&KeySinger{}, &KeySong{}}, saved: &KeySinger{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeySinger{}, "Songs", &KeySingerSongKeyed{}) },
			table: "key_singer_songs", file: "archive"},
		{name: "SetupJoinTable, the model agrees with the field", models: []any{&KeyChoir{}, &KeySong{}}, saved: &KeyChoir{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeyChoir{}, "Songs", &KeyChoirSongAgrees{}) },
			table: "key_choir_songs", file: "main"},
		{name: "SetupJoinTable, the model disagrees with the field", models: []any{&KeyChoir{}}, saved: &KeyChoir{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeyChoir{}, "Songs", &KeyChoirSongKeyed{}) },
			err:   bindkey.ErrConflict, texts: []string{`join table "key_choir_songs"`, `field KeyChoir.Songs is in "main"`, `model bindkey_test.KeyChoirSongKeyed (tag on field _) is in "archive"`}},

		{name: "SetupJoinTable, a model with Register's key", data: []any{KeySingerSong{}}, models: []any{&KeySinger{}, &KeySong{}}, saved: &KeySinger{Songs: []KeySong{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeySinger{}, "Songs", &KeySingerSong{}) },
			table: "key_singer_songs", file: "archive"},
		{name: "SetupJoinTable, of one side, without a key", models: []any{&KeyPlayer{}, &KeyGame{}}, saved: &KeyGame{Players: []KeyPlayer{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeyPlayer{}, "Games", &KeyPlayerGame{}) },
			table: "key_player_games", file: "analytics"},
		{name: "SetupJoinTable, of one side, with a key", models: []any{&KeyPlayer{}, &KeyGame{}}, saved: &KeyPlayer{Games: []KeyGame{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeyPlayer{}, "Games", &KeyPlayerGameKeyed{}) },
			err:   bindkey.ErrConflict, texts: []string{`join table "key_player_games"`, `KeyPlayerGameKeyed (tag on field _) is in "archive"`, `field KeyGame.Players is in "analytics"`}},
		{name: "SetupJoinTable, of the other side, with a key", models: []any{&KeyPlayer{}, &KeyGame{}}, saved: &KeyGame{Players: []KeyPlayer{{ID: 7}}},
			setup: func(db *gorm.DB) error { return db.SetupJoinTable(&KeyPlayer{}, "Games", &KeyPlayerGameKeyed{}) },
			err:   bindkey.ErrConflict},
		{name: "SetupJoinTable, of both sides, with a key", models: []any{&KeyPlayer{}, &KeyGame{}}, saved: &KeyGame{Players: []KeyPlayer{{ID: 7}}},
			setup: func(db *gorm.DB) error {
				return errors.Join(db.SetupJoinTable(&KeyPlayer{}, "Games", &KeyPlayerGameKeyed{}),
					db.SetupJoinTable(&KeyGame{}, "Players", &KeyPlayerGameKeyed{}))
			},
			table: "key_player_games", file: "archive"},

		{name: "polymorphic, has many", models: []any{&KeyPostOwner{}, &KeyPost{}}, saved: &KeyPostOwner{Posts: []KeyPost{{ID: 7}}},
			table: "key_posts", file: "archive"},
		{name: "polymorphic, has one", models: []any{&KeyOtherOwner{}, &KeyPost{}}, saved: &KeyOtherOwner{Post: &KeyPost{}},
			table: "key_posts", file: "archive"},
	} {
		t.Run(row.name, func(t *testing.T) {
			databases := mustKeyDatabases(t)
			plugin := bindkey.New().
				Register("analytics", databases.config("analytics")).
				Register("archive", databases.config("archive"), row.data...)
			db := databases.mustOpen(t, plugin)
			if row.setup != nil {
				if err := row.setup(db); err != nil {
					t.Fatal(err)
				}
			}
			migrated := db.AutoMigrate(row.models...)
			if row.err != nil {
				keyWantError(t, migrated, row.err, row.texts...)
				keyWantError(t, plugin.Check(row.models...), row.err, row.texts...)
				// no table is there, so any other error would show the wrong way
				keyWantError(t, db.Session(&gorm.Session{DryRun: true}).Create(row.saved).Error, row.err, row.texts...)
				return
			}
			if migrated != nil {
				t.Fatal(migrated)
			}
			if err := plugin.Check(row.models...); err != nil {
				t.Error(err)
			}
			if err := db.Create(row.saved).Error; err != nil {
				t.Fatal(err)
			}
			if held := databases.holding(t, row.table); held != row.file {
				t.Errorf("%s has rows in %q, want %q", row.table, held, row.file)
			}
			if route, err := plugin.Explain(db.Table(row.table)); route.Key != row.file || err != nil {
				t.Errorf("Table(%q): %+v, %v", row.table, route, err)
			}
		})
	}
}

// TestHomeSetupJoinTableOrder sets the join table up before the plugin is
// installed, after it, and after a Check or KeyOf of the join model, which must
// not remember that nothing was said of it yet.
func TestHomeSetupJoinTableOrder(t *testing.T) {
	for _, model := range []any{&KeySingerSong{}, &KeySingerSongRefers{}} {
		setup := func(db *gorm.DB) error { return db.SetupJoinTable(&KeySinger{}, "Songs", model) }
		for name, install := range map[string]func(*gorm.DB, *bindkey.Plugin) error{
			"before Use": func(db *gorm.DB, plugin *bindkey.Plugin) error {
				if err := setup(db); err != nil {
					return err
				}
				return db.Use(plugin)
			},
			"after Use": func(db *gorm.DB, plugin *bindkey.Plugin) error {
				if err := db.Use(plugin); err != nil {
					return err
				}
				return setup(db)
			},
			"after Check": func(db *gorm.DB, plugin *bindkey.Plugin) error {
				if err := db.Use(plugin); err != nil {
					return err
				}
				if err := plugin.Check(&KeySinger{}, &KeySong{}, model); err != nil {
					return err
				}
				if key, err := plugin.KeyOf(model); key != "main" || err != nil {
					t.Errorf("before SetupJoinTable: key %q, error %v", key, err)
				}
				return setup(db)
			},
		} {
			t.Run(name, func(t *testing.T) {
				databases := mustKeyDatabases(t)
				plugin := databases.plugin()
				db := databases.mustPlain(t)
				if err := install(db, plugin); err != nil {
					t.Fatal(err)
				}
				if key, err := plugin.KeyOf(model); key != "analytics" || err != nil {
					t.Errorf("key %q, error %v", key, err)
				}
				if err := db.AutoMigrate(&KeySinger{}, &KeySong{}); err != nil {
					t.Fatal(err)
				}
				if err := db.Create(&KeySinger{Songs: []KeySong{{ID: 7}}}).Error; err != nil {
					t.Fatal(err)
				}
				if held := databases.holding(t, "key_singer_songs"); held != "analytics" {
					t.Errorf("rows in %q", held)
				}
				var count int64
				if err := db.Model(model).Count(&count).Error; err != nil || count != 1 {
					t.Errorf("the model counts %d, %v", count, err)
				}
			})
		}
	}
}

// TestHomeStrictJoinTable gives a join table its declarer's key, with Strict.
func TestHomeStrictJoinTable(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := databases.plugin(bindkey.Strict())
	db := databases.mustOpen(t, plugin)
	if err := plugin.Check(&KeyAuthor{}, &KeyFriend{}); err != nil {
		t.Error(err)
	}
	if err := db.AutoMigrate(&KeyAuthor{}, &KeyBook{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&KeyAuthor{Books: []KeyBook{{ID: 7}}}).Error; err != nil {
		t.Fatal(err)
	}
	if held := databases.holding(t, "key_author_books"); held != "analytics" {
		t.Errorf("rows in %q", held)
	}
	keyWantError(t, plugin.Check(&KeyReader{}), bindkey.ErrUnbound, "model bindkey_test.KeyReader")
}
