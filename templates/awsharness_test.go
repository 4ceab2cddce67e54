package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/templates"
)

// program is a language and style with a handler under test.
type program struct {
	name    string
	runtime manifest.Runtime
	lambda  string // what Lambda calls the runtime
	entry   string // what Lambda calls the shim
	style   manifest.Style
	source  string
	handler string
	throws  string // what its traceback holds for a handler that throws
}

// echoes are the handlers of the corpus.
func echoes() []program {
	return []program{
		{"node fetch", "nodejs24", "nodejs24.x", "ferry-entry.handler", manifest.StyleFetch, "echo/nodejs", "fetch.mjs", "fetch.mjs:"},
		{"node listener", "nodejs24", "nodejs24.x", "ferry-entry.handler", manifest.StyleNode, "echo/nodejs", "listener.mjs", "listener.mjs:"},
		{"python wsgi", "python3.13", "python3.13", "ferry_entry.handler", manifest.StyleWSGI, "echo/python", "wsgi_echo:app", "wsgi_echo.py"},
		{"python asgi", "python3.13", "python3.13", "ferry_entry.handler", manifest.StyleASGI, "echo/python", "asgi_echo:app", "asgi_echo.py"},
		{"go", "go", "provided.al2023", "bootstrap", manifest.StyleGo, "echo/goecho", ".", "echo.go:"},
	}
}

// apps are the handlers of events, secrets and context.
func apps() []program {
	return []program{
		{"node", "nodejs24", "nodejs24.x", "ferry-entry.handler", manifest.StyleFetch, "aws/nodejs", "app.mjs", "app.mjs:"},
		{"python", "python3.13", "python3.13", "ferry_entry.handler", manifest.StyleWSGI, "aws/python", "app:app", "app.py"},
		{"go", "go", "provided.al2023", "bootstrap", manifest.StyleGo, "aws/goapp", ".", "app.go:"},
	}
}

func (p program) streams() bool { return p.runtime.Language() != "python" }

func each(t *testing.T, programs []program, test func(t *testing.T, p program)) {
	t.Helper()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// packages share one cache, so that the same function is built once.
var packages = sync.OnceValue(func() *packager.Packager {
	root, err := filepath.Abs("testdata")
	if err != nil {
		panic(err)
	}
	return &packager.Packager{Root: root, Cache: filepath.Join(templates.CacheDir(), "packages")}
})

// unpackings are the folders of packages by their digests.
var unpackings sync.Map

// unpacked is the folder of a package, which all that run it share.
func unpacked(t *testing.T, a packager.Artifact) string {
	t.Helper()
	once, _ := unpackings.LoadOrStore(a.ZipDigest, sync.OnceValues(func() (string, error) {
		dir := filepath.Join(templates.CacheDir(), "unpacked", strings.ReplaceAll(a.ZipDigest, ":", "-"))
		return dir, lambdatest.Unpack(a.Path, dir)
	}))
	dir, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (p program) function(edit ...func(*manifest.Function)) manifest.Function {
	fn := manifest.Function{
		Name: "fn", Source: p.source, Handler: p.handler, Runtime: p.runtime, Style: p.style,
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}},
	}
	for _, e := range edit {
		e(&fn)
	}
	return fn
}

// build makes the package of a function and unpacks it.
func (p program) build(t *testing.T, pk *packager.Packager, fn manifest.Function) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil && fn.Runtime.Language() == "go" {
		t.Skip("go is missing")
	}
	a, err := pk.Build(t.Context(), fn, platform(fn.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	dir := unpacked(t, a)
	if fn.Runtime.Language() == "go" {
		if info, err := os.Stat(filepath.Join(dir, "bootstrap")); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Fatalf("the package has no program of the name bootstrap: %v", err)
		}
	}
	return dir
}

func platform(r manifest.Runtime) packager.Platform {
	return packager.Platform{Shim: "aws", OS: "linux", Arch: runtime.GOARCH, Runtime: r, AnswersCORS: true}
}

// lambda is a function that is deployed to the test's Lambda.
type lambda struct {
	*lambdatest.Environment
	t *testing.T
}

type settings = map[string]string

func (p program) deploy(t *testing.T, env settings, edit ...func(*manifest.Function)) lambda {
	t.Helper()
	return p.run(t, p.build(t, packages(), p.function(edit...)), lambdatest.Function{Env: env})
}

func (p program) run(t *testing.T, dir string, f lambdatest.Function) lambda {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Lambda's packages are for Linux")
	}
	f.Dir, f.Runtime, f.Handler, f.Name, f.Timeout = dir, p.lambda, p.entry, "shop", 30*time.Second
	env := settings{"FERRY_DIGEST": "sha256:abc"}
	maps.Copy(env, f.Env)
	f.Env = env
	if p.lambda != "provided.al2023" {
		if _, err := lambdatest.Interpreter(t.Context(), p.lambda); err != nil {
			t.Skip(err)
		}
	}
	e, err := lambdatest.Start(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return lambda{e, t}
}

// invoke sends an event: text as it is, anything else as JSON.
func (l lambda) invoke(event any) lambdatest.Result {
	l.t.Helper()
	payload, ok := event.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(event); err != nil {
			l.t.Fatal(err)
		}
	}
	r, err := l.Invoke(l.t.Context(), payload)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// answer is a response as the client of a function URL gets it.
type answer struct {
	status int
	header http.Header
	body   string
	events.APIGatewayV2HTTPResponse
}

// do makes a request as a function URL does.
func (l lambda) do(method, target string, body []byte, headers ...string) answer {
	l.t.Helper()
	return l.request(urlEvent(method, target, body, headers...))
}

func (l lambda) request(event any) answer {
	l.t.Helper()
	r := l.invoke(event)
	if r.FunctionError != "" {
		l.t.Fatalf("the function failed: %s\n%s", r.Payload, r.Log)
	}
	return received(l.t, r)
}

// received reads a result as Lambda does, buffered or streamed.
func received(t *testing.T, r lambdatest.Result) answer {
	t.Helper()
	var a answer
	head := r.Payload
	if r.Streamed {
		if r.ContentType != "application/vnd.awslambda.http-integration-response" {
			t.Fatalf("the stream's content type is %q", r.ContentType)
		}
		prelude, rest, ok := strings.Cut(string(r.Payload), strings.Repeat("\x00", 8))
		if !ok {
			t.Fatalf("the stream has no prelude: %q", r.Payload)
		}
		head, a.body = []byte(prelude), rest
	}
	if err := json.Unmarshal(head, &a.APIGatewayV2HTTPResponse); err != nil {
		t.Fatalf("%v: %.200s", err, head)
	}
	if !r.Streamed {
		a.body = a.Body
	}
	if a.IsBase64Encoded {
		data, err := base64.StdEncoding.DecodeString(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(data)
	}
	a.status, a.header = a.StatusCode, http.Header{}
	for name, value := range a.Headers {
		a.header.Set(name, value)
	}
	for _, cookie := range a.Cookies {
		a.header.Add("Set-Cookie", cookie)
	}
	return a
}

// urlEvent is a request in payload format 2.0 with the path as it was sent. Cookies are in both of their places.
func urlEvent(method, target string, body []byte, headers ...string) map[string]any {
	path, query, _ := strings.Cut(target, "?")
	all, cookies := map[string]string{"host": "shop.example:8080", "x-forwarded-proto": "https"}, []string{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		name = strings.ToLower(name)
		if before, ok := all[name]; ok {
			value = before + "," + value
		}
		all[name] = strings.ToValidUTF8(value, "é")
		if name == "cookie" {
			cookies = strings.Split(value, "; ")
		}
	}
	return map[string]any{
		"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": all, "cookies": cookies,
		"requestContext": map[string]any{
			"stage": "$default", "domainName": "x.lambda-url.us-east-1.on.aws",
			"http": map[string]any{"method": method, "path": path, "sourceIp": "192.0.2.7"},
		},
		"body": base64.StdEncoding.EncodeToString(body), "isBase64Encoded": true,
	}
}

func TestOnAWSAPackageIsTheSameEveryTimeAndNamesNoFolderOfTheMachine(t *testing.T) {
	t.Parallel()
	each(t, apps(), func(t *testing.T, p program) {
		digests := map[string]bool{}
		for range 2 {
			pk := &packager.Packager{Root: packages().Root, Cache: filepath.Join(t.TempDir(), "cache")}
			dir := p.build(t, pk, p.function())
			a, err := pk.Build(t.Context(), p.function(), platform(p.runtime))
			if err != nil {
				t.Fatal(err)
			}
			digests[a.Digest+a.ZipDigest] = true
			err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				for _, folder := range []string{pk.Root, pk.Cache} {
					if strings.Contains(string(data), folder) {
						t.Errorf("%s names %s", d.Name(), folder)
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(digests) != 1 {
			t.Errorf("two builds differ: %v", digests)
		}
	})
}
