// Package embed serves pages from files that are compiled in.
package embed

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed static/* templates
var files embed.FS

//go:embed VERSION
var version string

var pages = template.Must(template.ParseFS(files, "templates/*.tmpl"))

// Handler serves the site.
var Handler http.Handler = site()

func site() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		_ = pages.ExecuteTemplate(w, "index.tmpl", map[string]string{"Version": version, "Query": r.URL.RawQuery})
	})
	return mux
}
