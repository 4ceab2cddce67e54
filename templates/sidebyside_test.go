package templates_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// request is one that is made locally and through each ingress of Lambda.
type request struct {
	method, target, body string
	headers              [][2]string
	status               int
	want                 string   // a part of the body
	cookies              []string // what each begins with
	changed              string   // the ingress that makes another request of it
}

// alike makes requests of one package on the loopback, through the ingresses of Lambda, and behind the hosts of other targets,
// which all have to answer the same.
func alike(t *testing.T, p program, pk *packager.Packager, requests []request) *process {
	t.Helper()
	here := p.launch(t, pk, p.function()).ready()
	p.alikeOnLambda(t, pk, here, requests)
	s := sample.Of(t, 4)
	for _, host := range []string{"gcf", "azure"} {
		if s.Takes() && p.stands(host) {
			p.alikeBehind(t, pk, here, requests, host)
		}
	}
	return here
}

// stands is whether a shim of ferry's stands before the program on a host that can be had here.
func (p program) stands(host string) bool {
	own := p.style == manifest.StyleAzure && host == "azure" // the host calls the program itself
	// This FastAPI and Google's framework want different Starlettes, so that no package has both.
	apart := strings.HasSuffix(p.source, "/fastapi") && host == "gcf"
	return !own && !apart && p.hasHost(host)
}

func (p program) alikeOnLambda(t *testing.T, pk *packager.Packager, here *process, requests []request) {
	t.Helper()
	l := p.run(t, p.build(t, pk, p.function()), lambdatest.Function{})
	for _, r := range requests {
		m := message{method: r.method, body: []byte(r.body), headers: append([][2]string{{"host", "shop.example:8080"}}, r.headers...)}
		m.path, m.query, _ = strings.Cut(r.target, "?")
		want := r.locally(t, here)
		for _, in := range lambdaIngresses() {
			if p.style == manifest.StyleLambda && in.carrier != "lambda-v2" {
				continue // it is for payload 2.0, and gets the events of other ingresses as they are
			}
			if in.name == r.changed {
				continue
			}
			got := in.got(l.invoke(in.event(m)))
			slices.Sort(got.Headers["set-cookie"]) // a load balancer has them in a map
			a := answer{status: got.Status, body: got.Body, header: http.Header{}}
			for name, values := range got.Headers {
				a.header[http.CanonicalHeaderKey(name)] = values
			}
			r.compare(t, in.name, want, a)
		}
	}
}

// alikeBehind makes requests behind the host of another target, which has to answer as the loopback does.
func (p program) alikeBehind(t *testing.T, pk *packager.Packager, here *process, requests []request, host string) {
	t.Helper()
	there := p.started(t, pk, p.function(), host).probed("ferry-digest: sha256:abc")
	for _, r := range requests {
		want, got := r.locally(t, here), r.locally(t, there)
		if r.changed != host {
			r.compare(t, host, want, got)
		}
	}
}

// compare wants an answer of another place to be the one of here.
func (r request) compare(t *testing.T, where string, want, got answer) {
	t.Helper()
	if got.status != want.status || got.body != want.body || !slices.Equal(got.header["Set-Cookie"], want.header["Set-Cookie"]) {
		t.Errorf("%s: %s %s: got %d %q %v, locally %d %q %v", where, r.method, r.target, got.status, got.body, got.header, want.status, want.body, want.header)
	}
	for _, name := range []string{"Content-Type", "Location", "Etag"} {
		if local := want.header[name]; local != nil && !slices.Equal(got.header[name], local) {
			t.Errorf("%s: %s %s: %s is %v, locally %v", where, r.method, r.target, name, got.header[name], local)
		}
	}
}

// locally is the answer on the loopback, which has to be the right one.
func (r request) locally(t *testing.T, here *process) answer {
	t.Helper()
	var lines []string
	for _, h := range r.headers {
		lines = append(lines, h[0]+": "+h[1])
	}
	a := here.do(r.method, r.target, []byte(r.body), lines...)
	cookies := a.header["Set-Cookie"]
	slices.Sort(cookies)
	for n, begins := range r.cookies {
		if len(cookies) != len(r.cookies) || !strings.HasPrefix(cookies[n], begins) {
			t.Errorf("%s: the cookies are %q", r.target, cookies)
		}
	}
	if a.status != r.status || !strings.Contains(a.body, r.want) {
		t.Errorf("%s %s: got %d %v %.300s\n%s", r.method, r.target, a.status, a.header, a.body, here.out)
	}
	return a
}

func TestAServiceOfLambdaWithEventsOfAPIGatewayAnswersTheSameEverywhere(t *testing.T) {
	node, python := nodeProgram(manifest.StyleLambda, "native/nodejs", "shelf.cjs"), pythonProgram(manifest.StyleLambda)
	node.name, python.name, python.source, python.handler = "node", "python", "native/python", "shelf:handler"
	asJSON := [][2]string{{"content-type", "application/json"}}
	each(t, []program{node, python}, func(t *testing.T, p program) {
		alike(t, p, packages(), []request{
			{method: "GET", target: "/items?n=1&n=2&q=a%20b", headers: [][2]string{{"x-agent", "me"}, {"cookie", "a=1; b=2"}}, status: 200, want: `"me"`},
			{method: "POST", target: "/items", body: `{"n":1}`, headers: asJSON, status: 200, want: `"made"`},
			{method: "POST", target: "/echo", body: "\x00\xff bytes", headers: [][2]string{{"content-type", "application/octet-stream"}}, status: 201, want: "\x00\xff bytes"},
			{method: "GET", target: "/cookies", status: 200, want: "ok", cookies: []string{"a=1; Path=/", "b=2"}},
			{method: "GET", target: "/away", status: 302},
			{method: "DELETE", target: "/items", status: 204},
			{method: "GET", target: "/caf%C3%A9", status: 404, want: "Not Found"},
		})
	})
}
