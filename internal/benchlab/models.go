package benchlab

// The models: User in the default bind, LogEntry in another.
type (
	User struct {
		_    struct{} `bind:"main"`
		ID   uint
		Name string
		Logs []LogEntry
	}
	LogEntry struct {
		ID     uint
		UserID uint
		Event  string
		Level  int
	}
)

// Bind is the bind key.
func (LogEntry) Bind() string { return Other }

// TableName is the table's name.
func (LogEntry) TableName() string { return "logs" }

// Even and Odd are the links of a chain that changes the bind at every link.
type (
	Even struct {
		_     struct{} `bind:"main"`
		ID    uint
		OddID uint
		Child *Odd `gorm:"foreignKey:EvenID"`
	}
	Odd struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		EvenID uint
		Child  *Even `gorm:"foreignKey:OddID"`
	}
)
