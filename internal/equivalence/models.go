package equivalence

import (
	"time"

	"gorm.io/gorm"
)

// The binds. Their keys are fixed, since a struct tag names one; what lives
// where is drawn anew for every world.
const (
	mainBind  = "main"
	betaBind  = "beta"
	gammaBind = "gamma"
)

var bindKeys = []string{mainBind, betaBind, gammaBind}

// The models have every kind of relation: belongs to, has one, has many,
// many2many, polymorphic, to themselves, by composite keys, by strings and by
// foreign keys that may be null. Some columns have the names of tables.
type (
	Company struct {
		ID          uint
		Name        string
		Size        int
		CountryCode *string
		Country     *Country
		Users       []User
		Products    []Product
		Notes       []Note `gorm:"polymorphic:Owner"`
		Logo        *Image `gorm:"polymorphic:Owner"`
	}
	User struct {
		ID          uint
		Name        string
		Age         int
		Items       int // a table's name
		CompanyID   *uint
		Company     *Company
		CountryCode *string
		Country     *Country
		ManagerID   *uint
		Manager     *User
		Reports     []User `gorm:"foreignKey:ManagerID"`
		Profile     *Profile
		Orders      []Order
		Tags        []Tag   `gorm:"many2many:user_tags"`
		Friends     []*User `gorm:"many2many:friendships"`
		Notes       []Note  `gorm:"polymorphic:Owner"`
		DeletedAt   gorm.DeletedAt
	}
	Profile struct {
		ID     uint
		Bio    string
		Views  int
		UserID *uint
		User   *User
		Image  Image `gorm:"polymorphic:Owner"`
	}
	Order struct {
		ID        uint
		Title     string
		Total     int
		UserID    *uint
		User      *User
		Items     []Item
		Notes     []*Note `gorm:"polymorphic:Owner"`
		CreatedAt time.Time
		UpdatedAt time.Time
		DeletedAt gorm.DeletedAt
	}
	Item struct {
		ID         uint
		Label      string
		Quantity   int
		OrderID    *uint
		Order      *Order
		ProductSKU *string
		Product    *Product
	}
	Product struct {
		SKU        string `gorm:"primaryKey"`
		Name       string
		Price      int
		Notes      string // a table's name
		CompanyID  *uint
		Company    *Company
		Items      []Item
		Categories []Category `gorm:"many2many:product_categories"`
		Tags       []Tag      `gorm:"many2many:product_tags" bind:"beta"`
	}
	// ProductCategory is given to SetupJoinTable.
	ProductCategory struct {
		ProductSKU string `gorm:"primaryKey"`
		CategoryID uint   `gorm:"primaryKey;autoIncrement:false"`
		Rank       int    `gorm:"default:1"`
		DeletedAt  gorm.DeletedAt
	}
	Category struct {
		ID       uint
		Name     string
		Weight   int
		ParentID *uint
		Parent   *Category
		Children []Category `gorm:"foreignKey:ParentID"`
		Products []Product  `gorm:"many2many:product_categories"`
	}
	Tag struct {
		ID       uint
		Label    string
		Color    int
		Users    []User    `gorm:"many2many:user_tags"`
		Products []Product `gorm:"many2many:product_tags" bind:"beta"`
	}
	Note struct {
		ID        uint
		Text      string
		Stars     int
		OwnerID   *uint
		OwnerType string
		AuthorID  *uint
		Author    *User
		DeletedAt gorm.DeletedAt
	}
	Image struct {
		ID        uint
		URL       string
		Width     int
		OwnerID   uint
		OwnerType string
	}
	Country struct {
		Code       string `gorm:"primaryKey"`
		Name       string
		Population int
		Users      []User
		Regions    []Region
	}
	Region struct {
		CountryCode string `gorm:"primaryKey"`
		Number      int    `gorm:"primaryKey;autoIncrement:false"`
		Name        string
		Area        int
		Country     *Country
		Sites       []Site `gorm:"foreignKey:RegionCountry,RegionNumber;references:CountryCode,Number"`
		Tags        []Tag  `gorm:"many2many:region_tags"`
	}
	Site struct {
		ID            uint
		Name          string
		Floors        int
		RegionCountry *string
		RegionNumber  *int
		Region        *Region `gorm:"foreignKey:RegionCountry,RegionNumber;references:CountryCode,Number"`
		Staff         []User  `gorm:"many2many:site_staff"`
	}
)

// summary is what some statements are scanned into: no model, so that it says
// nothing of a bind.
type summary struct {
	Key   *string
	Name  string
	Total int
}

// models is every model, with what only generic code can do with it.
var models = []typed{
	typedOf[Company]{}, typedOf[User]{}, typedOf[Profile]{}, typedOf[Order]{}, typedOf[Item]{},
	typedOf[Product]{}, typedOf[Category]{}, typedOf[Tag]{}, typedOf[Note]{}, typedOf[Image]{},
	typedOf[Country]{}, typedOf[Region]{}, typedOf[Site]{}, typedOf[ProductCategory]{},
}

func setupJoinTables(db *gorm.DB) error {
	if err := db.SetupJoinTable(&Product{}, "Categories", &ProductCategory{}); err != nil {
		return err
	}
	return db.SetupJoinTable(&Category{}, "Products", &ProductCategory{})
}
