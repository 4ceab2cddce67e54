//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/gcptest"
)

const cloudsManifest = `service: shop
functions:
  native: {runtime: nodejs22, style: lambda, handler: "native.js:handler", events: [http: {}]}
  python: {runtime: python3.13, handler: "app:app", events: [http: {}]}
targets:
  aws: {provider: aws, region: eu-west-1}
  gcp: {provider: gcp, region: %s, repository: %s/%s/ferry}
`

// TestAServiceMovesFromAWSToGoogleAndBack moves functions of which one was written for Lambda. Their packages are those that
// they were before.
func TestAServiceMovesFromAWSToGoogleAndBack(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "python3"} {
		if ok, _ := installed(tool); !ok {
			t.Skipf("%s is not installed", tool)
		}
	}
	s := &moving{shop: newShop(t)}
	aws, google := awstest.Start(t), gcptest.New(t)
	google.AddRepository("ferry")
	for _, base := range []string{"google-22/runtimes/nodejs22", "google-22/runtimes/python313"} {
		google.BaseImage(base, "1")
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_EC2_METADATA_DISABLED", "FERRY_AWS_ENDPOINT"} {
		value, _ := aws.Env(name)
		s.environ = append(s.environ, name+"="+value)
	}
	s.environ = append(s.environ, google.Env()...)
	for name, text := range map[string]string{
		"ferry.yaml": fmt.Sprintf(cloudsManifest, gcptest.Region, google.Registry(), gcptest.Project),
		"native.js": `exports.handler = async (event) => ({
  statusCode: 201, cookies: ["a=1; Path=/"], headers: {"content-type": "application/json"},
  body: JSON.stringify({path: event.rawPath, query: event.rawQueryString, method: event.requestContext.http.method, host: event.headers.host, body: event.body}),
});
`,
		"app.py": `import json
def app(environ, start_response):
    start_response("200 OK", [("content-type", "application/json"), ("set-cookie", "a=1; Path=/")])
    got = {k: environ.get(k) for k in ("PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "HTTP_HOST")}
    return [json.dumps({**got, "body": environ["wsgi.input"].read().decode()}).encode()]
`,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.cloudDeploy("aws")
	digests, home := s.digests("aws"), map[string]string{}
	for name := range s.urls {
		_, home[name] = s.ask(name)
	}
	answeredBy := func(side string) {
		t.Helper()
		for name := range s.urls {
			by, got := s.ask(name)
			if by != side || got != home[name] {
				t.Errorf("%s: answered by %q:\n%s\nnot by %q:\n%s", name, by, got, side, home[name])
			}
		}
	}
	there := func(args ...string) {
		s.ferry(append([]string{"migrate", args[0], "--from", "aws", "--to", "gcp"}, args[1:]...)...)
	}
	there("start")
	answeredBy("")
	there("shift", "--percent", "100")
	answeredBy("gcp")
	there("shift", "--percent", "0")
	answeredBy("")
	there("commit")
	for name := range s.urls { // the new side has a host of its own now
		if by, got := s.ask(name); by != "gcp" || !strings.Contains(got, "some text") {
			t.Errorf("%s: answered by %q after commit: %s", name, by, got)
		}
	}
	s.ferry("migrate", "start", "--from", "gcp", "--to", "aws")
	s.ferry("migrate", "shift", "--from", "gcp", "--to", "aws", "--percent", "100")
	s.ferry("migrate", "commit", "--from", "gcp", "--to", "aws")
	answeredBy("")
	for name, digest := range s.digests("aws") {
		if digest != digests[name] {
			t.Errorf("the package of %s is another than before the moves", name)
		}
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
	res, err := http.Post(strings.TrimSuffix(s.urls[function], "/")+"/a/b?x=1&y=%26", "text/plain", strings.NewReader("some text"))
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.Header.Get("ferry-side"), fmt.Sprint(res.StatusCode, res.Header.Get("content-type"), res.Header["Set-Cookie"], string(body))
}
