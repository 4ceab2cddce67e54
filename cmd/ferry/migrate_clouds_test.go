//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// side is a target that a stand-in is for, with the environment of its user.
type side struct {
	target, block string
	environ       []string
	certificates  string // what functions elsewhere have to trust
}

// sideOf starts the stand-in for a target.
func sideOf(t *testing.T, target string) side {
	t.Helper()
	s := side{target: target}
	switch target {
	case "aws":
		account := awstest.Start(t)
		s.block, s.environ = "{provider: aws, region: eu-west-1}", account.Environ()
	case "gcp":
		project := gcptest.New(t)
		project.AddRepository("ferry")
		for _, base := range []string{"google-24/runtimes/nodejs24", "google-22/runtimes/python313"} {
			project.BaseImage(base, "1")
		}
		s.block = fmt.Sprintf("{provider: gcp, region: %s, repository: %s/%s/ferry}", gcptest.Region, project.Registry(), gcptest.Project)
		s.environ = project.Env()
	case "azure":
		subscription := azuretest.Start(t)
		subscription.OnLoopback()
		subscription.Polls(0)
		subscription.RoleLag(0)
		subscription.SyncLag(0)
		s.block, s.environ = "{provider: azure, resource_group: shop, location: westeurope}", subscription.Environ()
		s.certificates, _ = subscription.Env("SSL_CERT_FILE")
	case "knative":
		cluster := knativetest.New(t)
		cluster.OnLoopback()
		s.block = fmt.Sprintf("{provider: knative, registry: %s, kubeconfig: %s, base_image: %s}", cluster.Registry, cluster.Kubeconfig(t), cluster.BaseImage("node"))
	default:
		s.block = "{provider: local}"
	}
	return s
}

const nativeCode = `exports.handler = async (event) => ({
  statusCode: 201, cookies: ["a=1; Path=/"], headers: {"content-type": "application/json"},
  body: JSON.stringify({path: event.rawPath, query: event.rawQueryString, method: event.requestContext.http.method, host: event.headers.host, body: event.body}),
});
`

const wsgiCode = `import json
def app(environ, start_response):
    start_response("200 OK", [("content-type", "application/json"), ("set-cookie", "a=1; Path=/")])
    got = {k: environ.get(k) for k in ("PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "HTTP_HOST")}
    return [json.dumps({**got, "body": environ["wsgi.input"].read().decode()}).encode()]
`

// between is a service that is live on one side and is to be moved to the other.
func between(t *testing.T, from, to side, functions string, files map[string]string) *moving {
	t.Helper()
	packagertest.Needs(t, "node", "python3")
	s := &moving{shop: newShop(t), from: from.target, to: to.target, client: trusting(t, from.certificates)}
	manifest := "service: shop\n"
	if trusted := from.certificates + to.certificates; trusted != "" {
		manifest += fmt.Sprintf("defaults: {env: {NODE_EXTRA_CA_CERTS: %[1]q, SSL_CERT_FILE: %[1]q}}\n", trusted)
	}
	manifest += "functions:\n" + functions + "targets:\n"
	for _, place := range []side{from, to} {
		manifest += "  " + place.target + ": " + place.block + "\n"
		s.environ = append(s.environ, place.environ...)
	}
	files["ferry.yaml"] = manifest
	for name, text := range files {
		packagertest.Write(t, filepath.Join(s.dir, name), text)
	}
	s.cloudDeploy(from.target)
	return s
}

// trusting is a client that trusts the certificates of a file, too.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	if file == "" {
		return http.DefaultClient
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

const (
	nativeFunction = `  native: {runtime: nodejs24, style: lambda, handler: "native.js:handler", events: [http: {}]}` + "\n"
	wsgiFunction   = `  python: {runtime: python3.13, handler: "app:app", events: [http: {}]}` + "\n"
)

// TestAServiceMovesFromOnePlaceToAnotherAndBack moves functions of which one was written for Lambda. Their packages are those
// that they were before.
func TestAServiceMovesFromOnePlaceToAnotherAndBack(t *testing.T) {
	t.Parallel()
	pairs := sample.Of(t, 2)
	for _, c := range []struct{ from, to, functions string }{
		{"aws", "gcp", nativeFunction + wsgiFunction},
		{"gcp", "azure", nativeFunction + wsgiFunction},
		{"azure", "aws", nativeFunction},
		{"aws", "local", nativeFunction},
		{"local", "knative", nativeFunction},
	} {
		if !pairs.Takes() {
			continue
		}
		t.Run("from "+c.from+" to "+c.to, func(t *testing.T) {
			t.Parallel()
			s := between(t, sideOf(t, c.from), sideOf(t, c.to), c.functions, map[string]string{
				"native.js": nativeCode, "app.py": wsgiCode, "requests.jsonl": `{"path": "/a?b=1"}` + "\n",
			})
			s.thereAndBack(c.from, c.to)
		})
	}
}

// thereAndBack takes every step of a move, and moves the service back.
func (s *moving) thereAndBack(from, to string) {
	s.Helper()
	digests, home := s.digests(from), map[string]string{}
	for name := range s.urls {
		_, home[name] = s.ask(name)
	}
	answeredBy := func(side string) {
		s.Helper()
		for name := range s.urls {
			by, got := s.ask(name)
			if by != side || got != home[name] {
				s.Errorf("%s: answered by %q:\n%s\nnot by %q:\n%s", name, by, got, side, home[name])
			}
		}
	}
	s.ferry(migrating(from, to, "start")...)
	answeredBy("")
	for name := range s.urls {
		s.ferry(migrating(from, to, "verify", "--requests", filepath.Join(s.dir, "requests.jsonl"), "--function", name, "--ignore", "json:$.host", "--ignore", "json:$.HTTP_HOST")...)
	}
	s.ferry(migrating(from, to, "shift", "--percent", "100")...)
	answeredBy(to)
	for _, target := range []string{from, to} {
		for _, command := range []string{"status", "plan", "releases"} {
			if out := strings.ReplaceAll(s.ferry(command, "-t", target), " ", ""); !strings.Contains(out, fmt.Sprintf(`"migration":{"from":%q,"to":%q`, from, to)) {
				s.Errorf("%s of %s does not tell of the migration: %s", command, target, out)
			}
		}
	}
	s.ferry(migrating(from, to, "shift", "--percent", "0")...)
	answeredBy("")
	s.ferry(migrating(from, to, "commit")...)
	for name := range s.urls { // the new side has a host of its own now
		if by, got := s.ask(name); by != to || !strings.Contains(got, "some text") {
			s.Errorf("%s: answered by %q after commit: %s", name, by, got)
		}
	}
	s.ferry(migrating(to, from, "start")...)
	s.ferry(migrating(to, from, "shift", "--percent", "100")...)
	s.ferry(migrating(to, from, "commit")...)
	answeredBy("")
	for name, digest := range s.digests(from) {
		if digest != digests[name] {
			s.Errorf("the package of %s is another than before the moves", name)
		}
	}
}

// TestAPrivateFunctionIsForwardedWithTheKeyOfItsNewSide moves functions that nobody may call unasked.
func TestAPrivateFunctionIsForwardedWithTheKeyOfItsNewSide(t *testing.T) {
	t.Parallel()
	private := strings.NewReplacer("http: {}", "http: {auth: private}").Replace(nativeFunction + wsgiFunction)
	pairs := sample.Of(t, 2)
	for _, from := range []string{"gcp", "local"} {
		if !pairs.Takes() {
			continue
		}
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			azure := sideOf(t, "azure")
			s := between(t, sideOf(t, from), azure, private, map[string]string{
				"native.js": nativeCode, "app.py": wsgiCode, "requests.jsonl": `{"path": "/a?b=1"}` + "\n",
			})
			answeredBy := func(side string) {
				t.Helper()
				for name := range s.urls {
					if out := strings.ToLower(s.ferry("invoke", name, "-t", from, "--path", "/a")); side != "" && !strings.Contains(out, `"ferry-side"`) || !strings.Contains(out, side) {
						t.Errorf("%s is not answered by %q: %s", name, side, out)
					}
				}
			}
			started := s.ferry(migrating(from, "azure", "start")...)
			var doc struct {
				Result struct{ URLs map[string]string }
			}
			if err := json.Unmarshal([]byte(started), &doc); err != nil || len(doc.Result.URLs) != 2 {
				t.Fatalf("%s (%v)", started, err)
			}
			for name, url := range doc.Result.URLs {
				res, err := trusting(t, azure.certificates).Get(url)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s lets a stranger in: %s", name, res.Status)
				}
				s.ferry(migrating(from, "azure", "verify", "--requests", filepath.Join(s.dir, "requests.jsonl"), "--function", name, "--ignore", "json:$.host", "--ignore", "json:$.HTTP_HOST")...)
			}
			s.ferry(migrating(from, "azure", "shift", "--percent", "100")...)
			answeredBy("azure")
			s.ferry(migrating(from, "azure", "abort")...)
			answeredBy("")
			if out := s.ferry("secrets", "list", "-t", from); strings.Contains(out, "ferry-migration") {
				t.Errorf("a key is left: %s", out)
			}
			s.ferry(migrating(from, "azure", "start")...)
			s.ferry(migrating(from, "azure", "commit")...)
			answeredBy("azure")
		})
	}
}

func TestAPrivateFunctionIsNotMovedWhereItsCallerCouldNotProveItself(t *testing.T) {
	t.Parallel()
	s := between(t, sideOf(t, "local"), sideOf(t, "gcp"), strings.Replace(nativeFunction, "http: {}", "http: {auth: private}", 1), map[string]string{"native.js": nativeCode})
	code, out := ran(s.command("", s.environ, migrating("local", "gcp", "start")...))
	if code == 0 || !strings.Contains(out, "it is private on gcp, which lets in callers with an identity there, and functions on local have none") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func (s *moving) cloudDeploy(target string) {
	s.Helper()
	c := s.command("", s.environ, "deploy", "-t", target)
	if code, out := ran(c); code != 0 {
		s.Fatalf("deploying to %s exits %d: %s", target, code, out)
	}
	s.learn(c)
}

// digests are those of the packages that a deploy finds unchanged.
func (s *moving) digests(target string) map[string]string {
	s.Helper()
	var doc struct {
		Result struct {
			Outcome   string
			Functions map[string]struct{ Digest string }
		}
	}
	if err := json.Unmarshal([]byte(s.ferry("deploy", "-t", target)), &doc); err != nil || doc.Result.Outcome != "unchanged" {
		s.Fatalf("a deploy of the same to %s is %q (%v)", target, doc.Result.Outcome, err)
	}
	found := map[string]string{}
	for name, f := range doc.Result.Functions {
		found[name] = f.Digest
	}
	return found
}

// ask sends a request to a function at the address that it had first, and is which side answered, and the answer.
func (s *moving) ask(function string) (side, answer string) {
	s.Helper()
	res, err := s.client.Post(strings.TrimSuffix(s.urls[function], "/")+"/a/b?x=1&y=%26", "text/plain", strings.NewReader("some text"))
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	cookies := strings.ToLower(fmt.Sprint(res.Header["Set-Cookie"])) // Azure's library for Python writes attributes its own way
	return res.Header.Get("ferry-side"), fmt.Sprint(res.StatusCode, res.Header.Get("content-type"), cookies, string(body))
}
