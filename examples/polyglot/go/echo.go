// Package echo answers with what arrived. RequestURI is the target as it was sent.
package echo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Handler is what ferry serves.
var Handler http.Handler = http.HandlerFunc(serve)

func serve(w http.ResponseWriter, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if path == "/healthz" {
		fmt.Fprintln(w, "ok")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	env := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "POLYGLOT_") {
			env[name] = value
		}
	}
	w.Header().Add("Set-Cookie", "runtime=go; Path=/")
	w.Header().Add("Set-Cookie", "seen=1; HttpOnly")
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"runtime": "go", "method": r.Method, "path": path, "query": query, "headers": headers, "body": body, "env": env,
	})
}
