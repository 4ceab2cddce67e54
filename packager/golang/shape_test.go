package golang

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func TestAWrongEventHandlerIsShownWhereItStands(t *testing.T) {
	root := packagertest.Project(t, "api.go", "package api\n\nfunc OnEvent() {}\n")
	target := pkg{Dir: root, GoFiles: []string{"api.go"}}
	shim := filepath.Join(root, "cache")
	var e *source.Error
	said := source.Problem(filepath.Join(shim, "shim", "3.go"), "", "3.go:9: too many arguments in call to handler.OnEvent")
	if err := inUserCode(said, target, shim); !errors.As(err, &e) || e.File != filepath.Join(root, "api.go") || e.Line != 3 || e.Column != 6 {
		t.Errorf("got %+v", err)
	}
	packagertest.Contains(t, e.Hint, "func OnEvent(ctx context.Context, e cloudevents.Event) error")
	own := source.Problem(filepath.Join(root, "api.go"), "", "api.go:9: undefined: handler.OnEvent")
	if err := inUserCode(own, target, shim); !errors.As(err, &e) || e.Message != own.Message {
		t.Errorf("an error of the user's own code became %v", err)
	}
}

func TestTheFunctionOfGooglesFrameworkIsTheOneThatIsNamedOrTheOnlyOne(t *testing.T) {
	const registers = "package fns\n\nimport ff \"" + framework + "/functions\"\n\nfunc init() {\n"
	request, message := manifest.Event{HTTP: &manifest.HTTPEvent{}}, manifest.Event{Topic: &manifest.TopicEvent{Name: "t"}}
	for name, c := range map[string]struct {
		calls, handler string
		events         []manifest.Event
		want           string
	}{
		"the only one":              {`ff.HTTP("A", a)`, ".", []manifest.Event{request}, `"A", ""`},
		"one of each kind":          {"ff.HTTP(\"A\", a)\n\tff.CloudEvent(\"B\", b)", ".", []manifest.Event{request, message}, `"A", "B"`},
		"the one that is named":     {"ff.HTTP(\"A\", a)\n\tff.HTTP(\"B\", b)", ".:B", []manifest.Event{request}, `"B", ""`},
		"several":                   {"ff.HTTP(\"A\", a)\n\tff.HTTP(\"B\", b)", ".", []manifest.Event{request}, "registers several functions with functions.HTTP: A, B"},
		"several that nobody calls": {"ff.HTTP(\"A\", a)\n\tff.HTTP(\"B\", b)\n\tff.CloudEvent(\"C\", c)", ".", []manifest.Event{message}, `"", "C"`},
		"another kind":              {`ff.HTTP("A", a)`, ".", []manifest.Event{message}, "registers nothing with functions.CloudEvent"},
		"another name":              {`ff.HTTP("A", a)`, ".:B", []manifest.Event{request}, "registers no function of that name"},
		"a name that is made":       {`ff.HTTP(name(), a)`, ".:B", []manifest.Event{request}, `"B", ""`},
		"none":                      {"", ".", []manifest.Event{request}, "registers no function"},
		"a typed one":               {`ff.Typed("A", a)`, ".", []manifest.Event{request}, `"A", ""`},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "fns.go", registers+"\t"+c.calls+"\n}\n")
			fn := manifest.Function{Name: "f", Source: ".", Handler: c.handler, Runtime: "go", Style: manifest.StyleGCF, Events: c.events}
			j := &job{Job: packagertest.Job(t, root, fn)}
			module := &module{Path: "example.com/fns"}
			text, err := j.targets([]pkg{{ImportPath: module.Path, Dir: root, GoFiles: []string{"fns.go"}, Module: module}})
			got := string(text)
			if err != nil {
				got = packagertest.Problem(t, err).Message
			}
			packagertest.Contains(t, got, c.want)
		})
	}
}

func TestATakenConnectionIsAWarningWhereThereIsNone(t *testing.T) {
	for name, c := range map[string]struct{ code, want string }{
		"gorilla":        {"import \"github.com/gorilla/websocket\"\n\nvar up = websocket.Upgrader{}\n", "api/a.go:5 takes over a connection (websocket.Upgrader), and aws has none"},
		"another name":   {"import ws \"github.com/coder/websocket\"\n\nvar up = ws.Accept\n", "ws.Accept"},
		"the standard":   {"import \"net/http\"\n\nvar _ http.Hijacker\n", "http.Hijacker"},
		"the controller": {"import \"net/http\"\n\nfunc f(w http.ResponseWriter) { http.NewResponseController(w).Hijack() }\n", "(Hijack)"},
		"a client":       {"import \"github.com/gorilla/websocket\"\n\nvar d = websocket.DefaultDialer\n", ""},
		"none":           {"import \"net/http\"\n\nvar _ http.Handler\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "api/a.go", "package api\n\n"+c.code)
			of := &module{Path: "example.com/shop"}
			packages := []pkg{
				{ImportPath: "example.com/other", Dir: root + "/api", GoFiles: []string{"a.go"}, Module: &module{Path: "example.com/other"}},
				{ImportPath: "example.com/shop/api", Dir: root + "/api", GoFiles: []string{"a.go"}, Module: of},
			}
			if said := upgrades(packages, root, "local"); len(said) > 0 {
				t.Errorf("there are connections locally: %+v", said)
			}
			switch said := upgrades(packages, root, "aws"); {
			case c.want == "" && len(said) == 0:
			case c.want == "" || len(said) != 1:
				t.Errorf("got %+v", said)
			default:
				packagertest.Contains(t, said[0].Message, c.want)
			}
		})
	}
}
