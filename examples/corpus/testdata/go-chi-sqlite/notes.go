// Package notes keeps notes in SQLite.
package notes

import (
	"database/sql"
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	_ "modernc.org/sqlite"
)

// Handler serves the notes.
var Handler http.Handler = routes()

func routes() http.Handler {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL); INSERT INTO notes (text) VALUES ('first'), ('second')`); err != nil {
		panic(err)
	}
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, middleware.StripSlashes)
	r.Route("/notes", func(r chi.Router) {
		r.Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
			var text string
			if err := db.QueryRowContext(r.Context(), "SELECT upper(text) FROM notes WHERE id = ?", chi.URLParam(r, "id")).Scan(&text); err != nil {
				http.Error(w, err.Error(), http.StatusNotFound)
				return
			}
			_, _ = w.Write([]byte(text))
		})
		r.Post("/", func(w http.ResponseWriter, r *http.Request) {
			var note struct{ Text string }
			if err := json.NewDecoder(r.Body).Decode(&note); err != nil || note.Text == "" {
				http.Error(w, "no text", http.StatusUnprocessableEntity)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(note)
		})
	})
	return r
}
