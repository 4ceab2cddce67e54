// Package api is a JSON API for a list of items. It needs the standard library only, and nothing in it
// knows where it is deployed.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

// Handler is what ferry serves.
var Handler http.Handler = New(maxItems())

const defaultMax = 1000

func maxItems() int {
	if n, err := strconv.Atoi(os.Getenv("MAX_ITEMS")); err == nil && n > 0 {
		return n
	}
	return defaultMax
}

// New returns the API over an empty store of at most so many items.
func New(limit int) http.Handler {
	s := &store{limit: limit, items: map[int]Item{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"routes": []string{"GET items", "POST items", "GET items/{id}", "PUT items/{id}", "DELETE items/{id}"}})
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /items", s.list)
	mux.HandleFunc("POST /items", s.create)
	mux.HandleFunc("GET /items/{id}", s.get)
	mux.HandleFunc("PUT /items/{id}", s.update)
	mux.HandleFunc("DELETE /items/{id}", s.remove)
	return mux
}

func (s *store) list(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, map[string]any{"items": s.all(r.URL.Query().Get("tag"))})
}

func (s *store) create(w http.ResponseWriter, r *http.Request) {
	item, err := decode(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	if item, err = s.add(item); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Location", fmt.Sprintf("/items/%d", item.ID))
	reply(w, http.StatusCreated, item)
}

func (s *store) get(w http.ResponseWriter, r *http.Request) {
	item, err := s.find(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	reply(w, http.StatusOK, item)
}

func (s *store) update(w http.ResponseWriter, r *http.Request) {
	item, err := decode(w, r)
	if err == nil {
		item, err = s.replace(r.PathValue("id"), item)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	reply(w, http.StatusOK, item)
}

func (s *store) remove(w http.ResponseWriter, r *http.Request) {
	if err := s.drop(r.PathValue("id")); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// decode reads one item and checks it; its error says all that is wrong.
func decode(w http.ResponseWriter, r *http.Request) (Item, error) {
	var item Item
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&item); err != nil {
		return Item{}, invalid{"body": err.Error()}
	}
	return item, item.check()
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, err error) {
	var fields invalid
	switch {
	case errors.As(err, &fields):
		reply(w, http.StatusUnprocessableEntity, map[string]any{"error": "invalid item", "fields": fields})
	case errors.Is(err, errMissing):
		reply(w, http.StatusNotFound, map[string]any{"error": err.Error()})
	case errors.Is(err, errFull):
		reply(w, http.StatusInsufficientStorage, map[string]any{"error": err.Error()})
	default:
		reply(w, http.StatusInternalServerError, map[string]any{"error": "internal error"})
	}
}
