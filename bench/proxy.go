package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// proxy stands before moto, makes every call take longer, and counts.
type proxy struct {
	url    string
	server *http.Server

	mu     sync.Mutex
	seen   calls
	inside int       // calls that moto works on
	since  time.Time // it works on any
	busy   time.Duration
}

// call is a kind of call.
type call struct {
	service, operation string
	write              bool
}

// calls are how often each was made.
type calls map[call]int

func newProxy(target string) (*proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{url: "http://" + l.Addr().String(), seen: calls{}}
	behind := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, err := identify(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		select {
		case <-time.After(latency):
		case <-r.Context().Done():
		}
		p.enter(kind)
		defer p.leave()
		behind.ServeHTTP(w, r)
	})}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

func (p *proxy) close() { _ = p.server.Close() }

func (p *proxy) enter(kind call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[kind]++
	if p.inside++; p.inside == 1 {
		p.since = time.Now()
	}
}

func (p *proxy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inside--; p.inside == 0 {
		p.busy += time.Since(p.since)
	}
}

func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen, p.busy = calls{}, 0
}

// counted are the calls since the reset, and how long moto worked on at least one of them.
func (p *proxy) counted() (calls, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.seen), p.busy
}

// sum counts the calls of Lambda's control plane by their two rates, the writes among them, and all other calls.
func (c calls) sum() (shared, reads, writes, others int) {
	for kind, n := range c {
		switch {
		case kind.service != "lambda" || kind.operation == "Invoke":
			others += n
		case kind.operation == "GetFunction":
			reads += n
		default:
			shared += n
		}
		if kind.service == "lambda" && kind.write {
			writes += n
		}
	}
	return shared, reads, writes, others
}

func (c calls) total() int {
	n := 0
	for _, count := range c {
		n += count
	}
	return n
}

func (c calls) String() string {
	var parts []string
	for kind, n := range c {
		parts = append(parts, fmt.Sprintf("%s/%s %d", kind.service, kind.operation, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// signed finds the service that a request is signed for.
var signed = regexp.MustCompile(`Credential=[^/]+/[^/]+/[^/]+/([^/]+)/`)

// identify says which call a request is.
func identify(r *http.Request) (call, error) {
	c := call{service: "unsigned", operation: r.Method, write: r.Method != http.MethodGet && r.Method != http.MethodHead}
	if found := signed.FindStringSubmatch(r.Header.Get("Authorization")); found != nil {
		c.service = found[1]
	}
	switch c.service {
	case "lambda":
		c.operation = lambdaOperation(r)
		c.write = c.write && c.operation != "Invoke"
		return c, nil
	case "s3":
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if strings.HasSuffix(name, ".zip") {
			name = "package"
		}
		c.operation += " " + name
		return c, nil
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.operation = target[strings.LastIndex(target, ".")+1:]
	} else if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return c, err
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return c, err
		}
		c.operation = form.Get("Action")
	}
	c.write = !regexp.MustCompile(`^(Get|List|Describe|Filter)`).MatchString(c.operation)
	return c, nil
}

// lambdaOperations are those that ferry and the peer call, by method and path without the function's name.
func lambdaOperation(r *http.Request) string {
	_, rest, _ := strings.Cut(r.URL.Path, "/functions/")
	_, rest, _ = strings.Cut(rest, "/")
	if strings.Contains(r.URL.Path, "/tags/") {
		rest = "tags"
	} else if strings.HasPrefix(rest, "aliases/") {
		rest = "aliases/…"
	}
	known := map[string]string{
		"GET ": "GetFunction", "POST ": "CreateFunction", "PUT configuration": "UpdateFunctionConfiguration",
		"PUT code": "UpdateFunctionCode", "POST versions": "PublishVersion", "GET versions": "ListVersionsByFunction",
		"POST invocations": "Invoke", "POST aliases": "CreateAlias", "PUT aliases/…": "UpdateAlias", "GET aliases/…": "GetAlias",
		"GET url": "GetFunctionUrlConfig", "POST url": "CreateFunctionUrlConfig", "GET policy": "GetPolicy",
		"POST policy": "AddPermission", "POST tags": "TagResource", "DELETE tags": "UntagResource",
	}
	if name, ok := known[r.Method+" "+rest]; ok {
		return name
	}
	return r.Method + " " + rest
}
