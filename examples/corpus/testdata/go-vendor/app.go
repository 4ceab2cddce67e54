// Package vendored shouts with a module that is in the vendor folder alone.
package vendored

import (
	"net/http"

	"example.com/shout"
)

// Handler shouts.
var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte(shout.Loud(r.URL.Path)))
})
