package gcptest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// api is one of Google's APIs, in the versions that are here.
type api struct {
	name     string // as in CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN, in lower case
	host     string // "run.googleapis.com"
	versions []version
	// permissions names what a method needs where that is not its name: "run.services.get" for "projects.locations.services.get".
	permissions map[string]string
	// other answers what is in no document: signed addresses and the like. It may be nil.
	other func(*Server, http.ResponseWriter, *http.Request)
	url   string
}

// version is a discovery document, and what is here of it.
type version struct {
	document string // "run/v2"
	methods  map[string]handler
}

// handler answers a call of a method; it is called with the lock held. The methods are named as in the document without the
// name of the API: "projects.locations.services.get". What it gives is the body of the reply, or a standin.Reply.
type handler func(*Server, *call) (any, error)

func allAPIs() []*api {
	return []*api{
		artifactRegistryAPI(), iamCredentialsAPI(), iamAPI(), resourceManagerAPI(), serviceUsageAPI(), storageAPI(), pubsubAPI(), schedulerAPI(),
		secretManagerAPI(), loggingAPI(), runAPI(), functionsAPI(), cloudBuildAPI(),
	}
}

// call is a request on its way.
type call struct {
	api      *api
	method   *method
	handler  handler
	http     *http.Request
	vars     map[string]string // what stands in the address
	query    url.Values
	upload   string // of media: "simple" or "resumable"
	body     []byte
	caller   string // the email address
	resource string // what the call is about
}

// name is the method's, without that of the API.
func (c *call) name() string {
	_, name, _ := strings.Cut(c.method.ID, ".")
	return name
}

// write says whether the call may change something.
func (c *call) write() bool {
	if c.http.Method == http.MethodGet || c.http.Method == http.MethodHead {
		return false
	}
	verb := c.method.ID[strings.LastIndex(c.method.ID, ".")+1:]
	for _, read := range []string{"getIamPolicy", "testIamPermissions", "wait", "list", "generate", "search", "tail", "batchGet"} {
		if strings.HasPrefix(verb, read) {
			return false
		}
	}
	return true
}

// permission is what the caller needs.
func (c *call) permission() string {
	name := c.name()
	if p, ok := c.api.permissions[name]; ok {
		return p
	}
	parts := strings.Split(name, ".")
	last := max(0, len(parts)-2)
	verb := parts[len(parts)-1]
	if verb == "patch" {
		verb = "update"
	}
	return strings.TrimSuffix(c.api.host, ".googleapis.com") + "." + strings.Join(append(parts[last:len(parts)-1:len(parts)-1], verb), ".")
}

// handle serves an API.
func (s *Server) handle(a *api) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the caller has gone
		}
		c, err := s.identify(a, r, body)
		if err != nil {
			s.t.Errorf("gcptest: %s: %v", a.name, err)
			refuse(codeInternal, "%v", err).reply().Send(w)
			return
		}
		if c == nil {
			if a.other != nil {
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				a.other(s, w, r)
				return
			}
			notFound(w)
			return
		}
		if c.handler == nil {
			s.t.Errorf("gcptest: %s is not here: %s %s", c.method.ID, r.Method, r.URL)
			refuse(codeUnimplemented, "%s is not here", c.method.ID).reply().Send(w)
			return
		}
		who, fail := s.authenticate(r)
		if fail != nil {
			fail.reply().Send(w)
			return
		}
		c.caller = who
		s.Serve(w, r, standin.Call{Service: a.name, Operation: c.name(), Resource: c.resource, Caller: who, Write: c.write()},
			words{c}, func() standin.Reply { return s.perform(c) })
	})
}

// identify finds the method that a request is for; nil is none.
func (s *Server) identify(a *api, r *http.Request, body []byte) (*call, error) {
	for _, v := range a.versions {
		d, err := discover(v.document)
		if err != nil {
			return nil, err
		}
		m, vars, by := d.match(r.Method, r.URL.EscapedPath())
		if m == nil {
			continue
		}
		c := &call{api: a, method: m, http: r, vars: vars, query: r.URL.Query(), upload: by.upload, body: body}
		c.handler = v.methods[c.name()]
		c.resource = c.about()
		return c, nil
	}
	return nil, nil
}

// title is what people call the API: "Cloud Run Admin API".
func (a *api) title() string {
	d, err := discover(a.versions[0].document)
	if err != nil {
		return a.host
	}
	return d.Title
}

// about is the name of the resource: where a call creates one, that which it will have.
func (c *call) about() string {
	for _, name := range []string{"name", "resource", "topic", "subscription", "parent", "project", "projectId"} {
		value, ok := c.vars[name]
		if !ok {
			continue
		}
		for parameter := range c.query {
			if strings.HasSuffix(parameter, "Id") && c.http.Method == http.MethodPost {
				return value + "/" + c.query.Get(parameter)
			}
		}
		return value
	}
	return strings.TrimSuffix(c.vars["bucket"]+"/"+c.vars["object"], "/")
}

// perform does the work of a call, and writes the reply while nobody changes what it tells.
func (s *Server) perform(c *call) standin.Reply {
	s.awaitBeside(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	result, err := s.run(c)
	var fail *failure
	switch {
	case errors.As(err, &fail):
		return fail.reply()
	case err != nil:
		s.t.Errorf("gcptest: %s: %v", c.method.ID, err)
		return refuse(codeInternal, "%v", err).reply()
	}
	if raw, ok := result.(standin.Reply); ok {
		return raw
	}
	if result == nil {
		result = struct{}{}
	}
	return answer(http.StatusOK, result)
}

func (s *Server) run(c *call) (any, error) {
	if s.off[c.api.host] {
		return nil, c.api.disabled()
	}
	if fail := c.check(); fail != nil {
		return nil, fail
	}
	if !s.permitted(c.caller, c.permission(), c.resource) {
		return nil, c.denied()
	}
	return c.handler(s, c)
}

// check refuses what the document does not allow.
func (c *call) check() *failure {
	if fail := c.method.checkQuery(c.query); fail != nil {
		return fail
	}
	if c.upload != "" || len(c.body) == 0 {
		return nil
	}
	if c.method.Request == nil {
		return badField("", "Invalid JSON payload received. A method without a request body got one.")
	}
	return c.checkBody(c.body)
}

// checkBody refuses a body that is not what the method takes.
func (c *call) checkBody(body []byte) *failure {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return badField("", "Invalid JSON payload received. "+err.Error())
	}
	return c.method.document.check(value, &schema{Ref: c.method.Request.Ref}, c.method.bodyName())
}

// decode reads the body, which has been checked, into one of the types of Google's client.
func decode[T any](c *call) (*T, error) {
	into := new(T)
	if len(c.body) == 0 {
		return into, nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return nil, badField("", "Invalid JSON payload received. "+err.Error())
	}
	return into, nil
}

// notFound is the page with which Google answers for what no API has.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"+
		"<p><b>404.</b> <ins>That’s an error.</ins>\n<p>The requested URL was not found on this server. <ins>That’s all we know.</ins>\n")
}
