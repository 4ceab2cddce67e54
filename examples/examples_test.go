// Package examples_test deploys every example with the ferry that it builds, and calls it as its users do.
package examples_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// binary is the ferry under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ferry-examples-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ferry")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "../cmd/ferry").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// deployed is an example that serves.
type deployed struct {
	*testing.T
	dir, home string
	env       []string          // beside that of the test
	urls      map[string]string // without a slash at the end
}

// deploy copies an example to a folder of its own and deploys it to a platform of its own.
func deploy(t *testing.T, name string, prepare ...string) *deployed {
	t.Helper()
	d := &deployed{T: t, dir: filepath.Join(t.TempDir(), name), home: t.TempDir(), urls: map[string]string{}}
	if err := os.CopyFS(d.dir, os.DirFS(name)); err != nil {
		t.Fatal(err)
	}
	if len(prepare) > 0 {
		d.command(prepare[0], prepare[1:]...)
	}
	t.Cleanup(func() { d.command(binary, "local", "stop") })
	d.ferry("deploy")
	return d
}

// ferry runs a command that must succeed and keeps the URLs that it tells.
func (d *deployed) ferry(args ...string) result {
	d.Helper()
	var doc struct {
		Result result `json:"result"`
	}
	out := d.command(binary, append(args, "--json")...)
	if err := json.Unmarshal(out, &doc); err != nil {
		d.Fatalf("ferry %s: %v in %s", strings.Join(args, " "), err, out)
	}
	for name, f := range doc.Result.Functions {
		d.urls[name] = strings.TrimSuffix(f.URL, "/")
	}
	return doc.Result
}

type result struct {
	Release   int      `json:"release"`
	Changed   []string `json:"changed"`
	Unchanged []string `json:"unchanged"`
	Functions map[string]struct {
		URL string `json:"url"`
	} `json:"functions"`
}

func (d *deployed) command(name string, args ...string) []byte {
	d.Helper()
	c := exec.Command(name, args...)
	c.Dir = d.dir
	c.Env = slices.Concat(os.Environ(), []string{"FERRY_HOME=" + d.home, "SHORTENER_DB=" + filepath.Join(d.home, "links.db")}, d.env)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		d.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// request calls a function; body "" is none. It follows no redirect.
func (d *deployed) request(method, function, target, body string) (*http.Response, string) {
	d.Helper()
	req, err := http.NewRequest(method, d.urls[function]+target, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	return res, string(data)
}

// answers expects a status and a part of the body.
func (d *deployed) answers(method, function, target, body string, status int, part string) *http.Response {
	d.Helper()
	res, got := d.request(method, function, target, body)
	if res.StatusCode != status || !strings.Contains(got, part) {
		d.Errorf("%s %s%s: want %d with %q, got %d with %q", method, function, target, status, part, res.StatusCode, got)
	}
	return res
}

// needs skips the test when a tool is missing.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

func needsPip(t *testing.T) {
	t.Helper()
	needs(t, "python3")
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		t.Skip("pip for python3 is not installed")
	}
}

func TestTheGoAPIKeepsItems(t *testing.T) {
	d := deploy(t, "go-api")
	d.answers("GET", "api", "/", "", 200, "routes")
	d.answers("GET", "api", "/healthz", "", 200, "ok")
	d.answers("GET", "api", "/items", "", 200, `"items"`)
	d.answers("POST", "api", "/items", `{`, 422, "error")
	d.answers("PATCH", "api", "/items", "", 405, "")
	res := d.answers("POST", "api", "/items", `{"name":"pear"}`, 201, "pear")
	d.answers("GET", "api", res.Header.Get("Location"), "", 200, "pear")
	d.answers("DELETE", "api", res.Header.Get("Location"), "", 204, "")
	d.answers("GET", "api", res.Header.Get("Location"), "", 404, "")
}

func TestTheShortenerRedirectsAndCounts(t *testing.T) {
	needs(t, "python3")
	d := deploy(t, "shortener")
	d.answers("POST", "links", "/links", `{"url":"https://example.com/a","code":"abc"}`, 201, "abc")
	d.answers("POST", "links", "/links", `{"url":"https://example.com/b","code":"abc"}`, 409, "")
	res := d.answers("GET", "links", "/abc", "", 302, "")
	if got := res.Header.Get("Location"); got != "https://example.com/a" {
		t.Errorf("redirected to %q", got)
	}
	d.answers("GET", "links", "/abc/stats", "", 200, `"visits": 1`)
}

func TestTheFlaskAppAnswers(t *testing.T) {
	needsPip(t)
	d := deploy(t, "flask-app")
	d.answers("POST", "notes", "/notes", `{"text":"hello"}`, 201, "hello")
	d.answers("GET", "notes", "/notes?q=hel", "", 200, "hello")
	d.answers("GET", "notes", "/notes/99", "", 404, "no such note")
}

func TestTheFastAPIAppAnswers(t *testing.T) {
	needsPip(t)
	d := deploy(t, "fastapi-app")
	d.answers("POST", "orders", "/orders", `{"lines":[]}`, 422, "lines")
	d.answers("GET", "orders", "/healthz", "", 200, "ok")
	d.answers("GET", "orders", "/orders/7", "", 404, "")
}

func TestTheExpressAppAnswersWithItsDependencies(t *testing.T) {
	needs(t, "node", "npm")
	d := deploy(t, "express-app", "npm", "ci", "--no-audit", "--no-fund")
	d.answers("GET", "shop", "/", "", 200, "<html")
	d.answers("GET", "shop", "/products", "", 200, "pear")
	d.answers("POST", "shop", "/carts", `{"lines":[{"product":"pear","count":2}]}`, 201, "pear")
	d.answers("POST", "shop", "/carts", `{"lines":[]}`, 422, "invalid cart")
}

// echo is what the functions of polyglot answer with.
type echo struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   string            `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Env     map[string]string `json:"env"`
}

func TestARequestArrivesUnchangedInThreeRuntimes(t *testing.T) {
	needs(t, "node", "python3")
	d := deploy(t, "polyglot")
	body := "\x00\xff binary \r\n"
	for _, function := range []string{"go", "node", "python"} {
		res, answer := d.request("POST", function, "/a%2Fb%20c//d?x=1&x=2&y=a;b&z=%2B", body)
		var got echo
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%s: %v in %s", function, err, answer)
		}
		want := echo{
			Method: "POST", Path: "/a%2Fb%20c//d", Query: "x=1&x=2&y=a;b&z=%2B", Body: base64.StdEncoding.EncodeToString([]byte(body)),
			Env: map[string]string{"POLYGLOT_COLOR": "blue"}, Headers: map[string]string{"content-type": "application/json"},
		}
		got.Headers = map[string]string{"content-type": got.Headers["content-type"]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", function, diff)
		}
		if cookies := res.Header.Values("Set-Cookie"); len(cookies) != 2 {
			t.Errorf("%s: want two cookies, got %q", function, cookies)
		}
	}
}

func TestAChangeInOneOfThreeRuntimesDeploysThatOneAndARollbackUndoesIt(t *testing.T) {
	needs(t, "node", "python3")
	d := deploy(t, "polyglot")
	source := filepath.Join(d.dir, "node", "echo.js")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, append([]byte("globalThis.process.env.POLYGLOT_EXTRA = 'new'\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	r := d.ferry("deploy")
	if diff := cmp.Diff([][]string{{"node"}, {"go", "python"}}, [][]string{r.Changed, r.Unchanged}); diff != "" {
		t.Error(diff)
	}
	d.answers("GET", "node", "/", "", 200, "POLYGLOT_EXTRA")
	if r := d.ferry("deploy"); r.Release != 2 || len(r.Changed) > 0 {
		t.Errorf("a deploy of nothing changed made %+v", r)
	}
	d.ferry("rollback")
	if _, body := d.request("GET", "node", "/", ""); strings.Contains(body, "POLYGLOT_EXTRA") {
		t.Errorf("after the rollback the new code serves: %s", body)
	}
}
