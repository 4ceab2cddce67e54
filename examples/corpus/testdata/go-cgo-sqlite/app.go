// Package app keeps things in SQLite, by a driver in C.
package app

import (
	"net/http"

	"example.com/cgo/internal/store"
)

// Handler counts.
var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte(store.Version()))
})
