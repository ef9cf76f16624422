package bindtag

import "gorm.io/gorm"

// What is right, or another library's.
type (
	Right struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	OwnKey struct {
		ID   uint   `bind:"archive"`
		Name string `bindkey:"analytics"`
	}
	Ignored struct {
		ID   uint
		Name string `gorm:"-" bindkey:"analytics"`
	}
	JoinTable struct {
		ID     uint
		Rights []Right `gorm:"many2many:join_rights" bind:"archive"`
	}
	Request struct { // an HTTP framework's
		Page int `bind:""`
		Size int `bind: "size"`
	}
	Keymap  struct{ Name string }
	Handler struct{ gorm.Model }
	Dynamic struct{ gorm.Model }
)

func (Keymap) BindKey() string { return "" }
func (Handler) Bind(any) error { return nil }
func (d Dynamic) Bind() string { return key }

var key = "main"
