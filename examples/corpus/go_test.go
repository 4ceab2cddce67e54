//go:build unix

package corpus_test

// goPrograms are those in Go.
func goPrograms() []program {
	const handler, build, serve = "runtime: go\nhandler: .", "go build -o serve ./cmd/serve", "exec ./serve"
	return []program{
		{
			name: "go-work", prepare: "cd api && " + build, native: "cd api && " + serve, function: "runtime: go\nsource: api\nhandler: .",
			requests: []string{"GET /hello/you", "GET /none", "POST /hello/you a=1"},
		},
		{
			name: "go-embed", prepare: build, native: serve, function: handler,
			requests: []string{"GET /?a=<b>", "GET /static/app.css", "GET /static/", "GET /none"},
		},
		{
			name: "go-templates", prepare: build, native: serve, function: handler,
			requests: []string{"GET /?name=%3Cb%3E", "GET /none", "POST / name=x"},
		},
		{
			name: "go-chi-sqlite", prepare: build, native: serve, function: handler,
			requests: []string{"GET /notes/1", "GET /notes/2/", "GET /notes/3", `POST /notes {"text":"x"}`, `POST /notes {}`, "DELETE /notes/1"},
		},
		{
			name: "go-gin", prepare: build, native: serve, function: handler,
			requests: []string{"GET /v1/albums/1", "GET /v1/albums/2", "GET /none", `POST /v1/albums {"id":"2","title":"x"}`, "POST /v1/albums id=2&title=xy"},
		},
		{
			name: "go-echo", prepare: build, native: serve, function: handler,
			requests: []string{"GET /users/7?name=%C3%A9", "GET /users/0", "GET /users/7/", "GET /none", `POST /users {"name":"x"}`, "POST /users name=y", `POST /users {`},
		},
		{
			name: "go-vendor", prepare: build, native: serve, function: handler,
			requests: []string{"GET /quiet"},
		},
		{
			name: "go-cgo-sqlite", function: handler,
			refused: &refusal{says: []string{"github.com/mattn/go-sqlite3", "example.com/cgo/internal/store", "modernc.org/sqlite"}},
		},
		{
			name: "go-gcf", prepare: "go build -o serve ./cmd", native: "FUNCTION_TARGET=HelloHTTP " + serve, function: handler,
			refused:  &refusal{says: []string{"functions-framework"}, add: "style: gcf"},
			requests: []string{"GET /", `POST / {"name":"<you>"}`},
		},
		{
			name: "go-lambda", prepare: "CGO_ENABLED=0 go build -o bootstrap .", handler: "bootstrap", function: "runtime: go\nhandler: .",
			refused:  &refusal{says: []string{"lambda"}, add: "style: lambda"},
			requests: []string{"GET /a?name=you", "POST /b/c name=you", "DELETE /a"},
		},
		{
			name: "go-server", prepare: "go build -o serve ./cmd/server", native: serve, function: "runtime: go\nhandler: cmd/server", onAWS: "Lambda does not send requests to a port by itself",
			refused:  &refusal{says: []string{"main"}, add: "style: server"},
			requests: []string{"GET /a/b?c=d", "POST / a=1"},
		},
	}
}
