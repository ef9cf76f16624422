package main

// region openers
import (
	_ "github.com/gormbind/gormbind/config/mysql"    // mysql:// and mariadb://
	_ "github.com/gormbind/gormbind/config/postgres" // postgres:// and postgresql://
)

// endregion
