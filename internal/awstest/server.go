package awstest

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// protocol is how a service writes requests and replies.
type protocol int

const (
	restJSON protocol = iota
	json10
	json11
	query
	restXML
)

type service struct {
	name     string // as in a signature
	protocol protocol
	casing   casing
	ops      []*operation
}

// operation is one call of a service. In the REST protocols the route finds it.
type operation struct {
	service *service
	name    string
	route   string // "GET /2015-03-31/functions/{FunctionName}"
	status  int    // of success; 0 is 200
	run     func(*Cloud, *request) (any, error)
	free    bool // run does its own locking
}

func (op *operation) write() bool {
	for _, read := range []string{"Get", "List", "Describe", "Head", "Filter", "Invoke"} {
		if strings.HasPrefix(op.name, read) {
			return false
		}
	}
	return true
}

// request is one call on its way.
type request struct {
	http     *http.Request
	body     []byte
	members  map[string]any // of a body in JSON, when it is well-formed
	op       *operation
	vars     map[string]string // from the path
	form     url.Values        // of the query protocol, else the query string
	resource string
	caller   caller
}

func allServices() map[string]*service {
	all := map[string]*service{}
	for _, s := range []*service{
		lambdaService(), iamService(), stsService(), logsService(), s3Service(),
		sqsService(), snsService(), schedulerService(), secretsService(), parametersService(),
	} {
		for _, op := range s.ops {
			op.service = s
		}
		all[s.name] = s
	}
	return all
}

// ServeHTTP answers one request of any service.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if token, ok := strings.CutPrefix(r.URL.Path, downloadPath); ok {
		c.download(w, token)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller has gone
	}
	id := newID()
	s, who, fail := c.authenticate(r)
	if fail != nil {
		s.protocol.failure(fail, id).Send(w)
		return
	}
	req, fail := s.identify(r, body)
	if fail != nil {
		c.t.Errorf("awstest: %s: %s %s: %v", s.name, r.Method, r.URL, fail)
		s.protocol.failure(fail, id).Send(w)
		return
	}
	req.caller = who
	call := standin.Call{Service: s.name, Operation: req.op.name, Resource: req.resource, Caller: who.arn, Write: req.op.write()}
	c.Serve(w, r, call, words{req, id}, func() standin.Reply { return c.perform(req, id) })
}

func (c *Cloud) perform(req *request, id string) standin.Reply {
	result, err := c.locked(req)
	p := req.op.service.protocol
	var fail *failure
	switch {
	case errors.As(err, &fail):
		return p.failure(fail, id)
	case err != nil:
		c.t.Errorf("awstest: %s %s: %v", req.op.service.name, req.op.name, err)
		return p.failure(&failure{status: 400, code: "SerializationException", message: err.Error()}, id)
	}
	if raw, ok := result.(standin.Reply); ok {
		return raw
	}
	return req.op.encode(result, id)
}

func (c *Cloud) locked(req *request) (any, error) {
	if err := c.authorize(req); err != nil {
		return nil, err
	}
	if !req.op.free {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	return req.op.run(c, req)
}

// authenticate finds the service in the signature's credential scope, and the caller by the access key.
func (c *Cloud) authenticate(r *http.Request) (*service, caller, *failure) {
	unknown := &service{protocol: restJSON}
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=")
	if !ok {
		return unknown, caller{}, &failure{status: 403, code: "MissingAuthenticationTokenException", message: "Missing Authentication Token"}
	}
	credential, _, _ := strings.Cut(rest, ",")
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return unknown, caller{}, &failure{
			status: 400, code: "IncompleteSignatureException", message: "Credential must have exactly 5 slash-delimited elements",
		}
	}
	key, region, name := scope[0], scope[2], scope[3]
	s := c.services[name]
	if s == nil {
		c.t.Errorf("awstest: there is no service %q", name)
		return unknown, caller{}, &failure{status: 403, code: "InvalidSignatureException", message: "Credential should be scoped to a known service."}
	}
	who, known := c.caller(key)
	if !known {
		return s, who, s.unknownKey()
	}
	global := (name == "iam" || name == "sts") && region == "us-east-1"
	if region != Region && !global {
		return s, who, &failure{
			status: 403, code: "InvalidSignatureException", message: "Credential should be scoped to a valid region, not '" + region + "'.",
		}
	}
	return s, who, nil
}

func (s *service) unknownKey() *failure {
	const invalid = "The security token included in the request is invalid."
	switch {
	case s.name == "s3":
		return &failure{status: 403, code: "InvalidAccessKeyId", message: "The AWS Access Key Id you provided does not exist in our records."}
	case s.protocol == query:
		return &failure{status: 403, code: "InvalidClientTokenId", message: invalid}
	}
	return &failure{status: 403, code: "UnrecognizedClientException", message: invalid}
}
