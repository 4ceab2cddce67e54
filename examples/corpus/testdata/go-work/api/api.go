// Package api greets.
package api

import (
	"encoding/json"
	"net/http"

	"example.com/work/greet"
)

// Handler serves all routes.
var Handler http.Handler = routes()

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"text": greet.Text(r.PathValue("name")), "largest": greet.Largest([]int{1, 3, 2}), "first": greet.Largest([]string{"a"})})
	})
	return mux
}
