package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheAPI(t *testing.T) {
	h := New(2)
	steps := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/items", "", 200, `{"items":[]}`},
		{"POST", "/items", `{"name":"pear","price":45,"tags":["fruit"]}`, 201, `{"id":1,"name":"pear","price":45,"tags":["fruit"]}`},
		{"POST", "/items", `{"name":" ","price":-1}`, 422, `{"error":"invalid item","fields":{"name":"is required","price":"is negative"}}`},
		{"POST", "/items", `{"title":"x"}`, 422, `unknown field`},
		{"POST", "/items", `nonsense`, 422, `invalid character`},
		{"GET", "/items/1", "", 200, `"pear"`},
		{"GET", "/items/one", "", 404, `{"error":"no such item"}`},
		{"PUT", "/items/1", `{"name":"ripe pear","price":50}`, 200, `{"id":1,"name":"ripe pear","price":50}`},
		{"PUT", "/items/9", `{"name":"x"}`, 404, `no such item`},
		{"POST", "/items", `{"name":"nut"}`, 201, `"id":2`},
		{"POST", "/items", `{"name":"one too many"}`, 507, `the list is full`},
		{"GET", "/items?tag=fruit", "", 200, `{"items":[]}`},
		{"DELETE", "/items/1", "", 204, ``},
		{"DELETE", "/items/1", "", 404, `no such item`},
		{"PATCH", "/items/2", "", 405, ``},
		{"GET", "/healthz", "", 200, `ok`},
	}
	for _, s := range steps {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(s.method, s.path, strings.NewReader(s.body)))
		if w.Code != s.status || !strings.Contains(w.Body.String(), s.want) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", s.method, s.path, s.body, w.Code, w.Body, s.status, s.want)
		}
		if s.status == http.StatusCreated && w.Header().Get("Location") == "" {
			t.Error("a created item has no location")
		}
	}
}
