package azuretest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// surface is a service as it is found on the wire: by the host, with one way to route, to authenticate and to word a refusal.
type surface struct {
	name string
	// host says whether a host is of this surface, and what the host names: an account, an app, a vault.
	host func(c *Cloud, host string) (string, bool)
	ops  []*operation
	// audience is what a token must be for; "" when the surface looks at callers itself.
	audiences []string
	word      func(f *failure, r *request) standin.Reply
	// fallback serves what no operation matches; nil when there is nothing else.
	fallback *operation
}

// appRequest is the operation of all that an app answers.
const appRequest = "App_Request"

// operation is one call of a service. Its route finds it; the first that matches counts.
type operation struct {
	service string // of the call in the log; the surface's name when empty
	name    string
	route   string // "GET /subscriptions/{subscription}", with "?comp=list" where the query decides
	action  string // the permission that it needs; with a leading "data:" one of the data plane
	free    bool   // run does its own locking
	run     func(*Cloud, *request) (any, error)
}

func (op *operation) write(method string) bool {
	if method == http.MethodPost {
		for _, read := range []string{"_List", "List", "Check", "Get", "Query", "Token"} {
			if strings.Contains(op.name, read) {
				return false
			}
		}
	}
	return method != http.MethodGet && method != http.MethodHead
}

// request is one call on its way.
type request struct {
	id      string
	http    *http.Request
	body    []byte
	surface *surface
	place   string // what the host names
	op      *operation
	vars    map[string]string // from the path
	query   url.Values
	caller  *principal // nil for a stranger
}

// ServeHTTP answers one request of any service.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{id: newID(), http: r, query: r.URL.Query()}
	if !c.locate(req) {
		c.t.Errorf("azuretest: nothing here is called %s", r.Host)
		http.Error(w, "azuretest: no such host", http.StatusBadGateway)
		return
	}
	if req.op == nil {
		f := &failure{status: 404, code: "NotFound", message: "azuretest has no " + r.Method + " " + r.URL.Path}
		c.t.Errorf("azuretest: %s: there is no operation for %s %s", req.surface.name, r.Method, r.URL)
		req.surface.word(f, req).Send(w)
		return
	}
	if req.op.name == appRequest {
		c.serveApp(w, r)
		return
	}
	var err error
	if req.body, err = io.ReadAll(r.Body); err != nil {
		panic(http.ErrAbortHandler) // the caller has gone
	}
	refused := c.authenticate(req)
	call := standin.Call{Service: req.service(), Operation: req.op.name, Resource: req.about(), Write: req.op.write(r.Method)}
	if req.caller != nil {
		call.Caller = req.caller.id
	}
	c.Serve(w, r, call, words{req}, func() standin.Reply {
		if refused != nil {
			return req.surface.word(refused, req)
		}
		return c.perform(req)
	})
}

// locate sets what a request asks for; it is false when the host is of nobody.
func (c *Cloud) locate(req *request) bool {
	host := req.http.Host
	if name, _, err := net.SplitHostPort(host); err == nil && name != "127.0.0.1" && name != "localhost" {
		host = name
	}
	for _, s := range c.surfaces {
		place, ok := s.host(c, lower(host))
		if !ok {
			continue
		}
		op, vars := s.routed(req.http)
		if op == nil && req.surface != nil {
			continue // the first of the host words the refusal
		}
		req.surface, req.place, req.op, req.vars = s, place, op, vars
		if op != nil {
			break
		}
	}
	return req.surface != nil
}

func (r *request) service() string {
	if r.op.service != "" {
		return r.op.service
	}
	return r.surface.name
}

// about is what a request is about, for the log.
func (r *request) about() string {
	var parts []string
	if r.place != "" {
		parts = append(parts, r.place)
	}
	for _, name := range []string{
		"group", "provider", "account", "app", "plan", "vault", "name", "container", "blob", "queue", "function", "setting", "deployment", "secret", "version",
	} {
		if value := r.vars[name]; value != "" && (name != "group" || len(r.vars) <= 2) {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, "/")
}

func (c *Cloud) perform(req *request) standin.Reply {
	result, err := c.locked(req)
	var fail *failure
	switch {
	case errors.As(err, &fail):
		return req.surface.word(fail, req)
	case err != nil:
		c.t.Errorf("azuretest: %s %s: %v", req.service(), req.op.name, err)
		return req.surface.word(&failure{status: 400, code: "BadRequest", message: err.Error()}, req)
	}
	if raw, ok := result.(standin.Reply); ok {
		return raw
	}
	return jsonReply(http.StatusOK, result)
}

func (c *Cloud) locked(req *request) (any, error) {
	if !req.op.free {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	return req.op.run(c, req)
}

func lower(s string) string { return strings.ToLower(s) }
