// Package store is SQLite.
package store

import (
	"database/sql"

	_ "github.com/mattn/go-sqlite3"
)

// Version is SQLite's.
func Version() (version string) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err == nil {
		err = db.QueryRow("SELECT sqlite_version()").Scan(&version)
	}
	if err != nil {
		return err.Error()
	}
	return version
}
