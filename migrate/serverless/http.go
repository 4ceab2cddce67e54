package serverless

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// http reads a route of API Gateway. Its short form is "GET /path".
func (f *one) http(n *foreign.Node, format, standard string) {
	route, method := n.Get("path"), n.Get("method")
	if n.Is(foreign.Scalar) {
		text, ok := n.Text()
		if !ok {
			return
		}
		verb, at, both := strings.Cut(strings.TrimSpace(text), " ")
		if !both {
			verb, at = "", text
		}
		if lambda.Payload(f.fn, n, cmp.Or(format, standard)) {
			f.route(n, strings.TrimSpace(at), verb)
		}
		return
	}
	at, ok := route.Text()
	switch {
	case !ok:
		n.Lose("the route has no path")
	case lambda.Payload(f.fn, n, cmp.Or(format, standard)):
		f.route(n, at, method.Raw())
		f.routeKeys(n)
	}
}

func (f *one) route(n *foreign.Node, at, verb string) {
	f.routes.Add(lambda.Path(at), lambda.Method(verb))
	if n.Is(foreign.Map) {
		n.Get("path").Map(f.at + ".events.http.path")
		n.Get("method").Map(f.at + ".events.http.methods")
		return
	}
	n.Map(f.at + ".events.http")
}

// routeKeys reads what a route says beside its path and method.
func (f *one) routeKeys(n *foreign.Node) {
	private := false
	for _, e := range n.Entries() {
		switch e.Key {
		case "path", "method":
		case "cors":
			if c := f.cors(e.Value); c != nil {
				f.routes.Share(c)
			}
			e.Value.Map(f.at + ".events.http.cors")
		case "authorizer":
			kind := cmp.Or(e.Value.Get("type").Raw(), e.Value.Raw())
			if private = strings.EqualFold(kind, "aws_iam"); private {
				e.Value.Map(f.at + ".events.http.auth")
			} else if !e.Value.Is(foreign.Null) {
				e.Value.Lose("an authorizer of API Gateway cannot be carried: check the caller in the function, or set auth: private")
			}
		case "private":
			if e.Value.True() {
				e.Value.Lose("API keys are a feature of API Gateway: check the key in the function")
			}
		case "integration":
			if text := strings.ToLower(e.Value.Raw()); text == "lambda" || text == "aws" {
				e.Value.Lose("a Lambda integration with mapping templates cannot be carried: the handler gets proxy events")
			} else {
				e.Value.Drop("a proxy integration is what a handler gets")
			}
		case "request", "response":
			e.Value.Lose("API Gateway checks and rewrites it: do so in the function")
		case "timeout", "operationId", "async":
			e.Value.Drop("it is a setting of API Gateway")
		}
	}
	f.routes.Guard(private)
}

// url reads a function URL.
func (f *one) url(n *foreign.Node) {
	if n.False() {
		n.Drop("it is switched off")
		return
	}
	if !lambda.Payload(f.fn, n, "2.0") {
		return
	}
	f.routes.Add("", "")
	private := false
	for _, e := range n.Entries() {
		switch e.Key {
		case "cors":
			f.routes.Share(f.cors(e.Value))
			e.Value.Map(f.at + ".events.http.cors")
		case "authorizer":
			private = strings.EqualFold(e.Value.Raw(), "aws_iam")
			e.Value.Map(f.at + ".events.http.auth")
		case "invokeMode":
			if e.Value.Raw() == "RESPONSE_STREAM" {
				f.fn.Block("aws").Set("response_stream", true)
			}
			e.Value.Map(f.at + ".aws.response_stream")
		}
	}
	if n.Is(foreign.Scalar) {
		n.Map(f.at + ".events.http")
	}
	f.routes.Guard(private)
}

// balancer reads a rule of a load balancer: the function answers at an address of its own, which gets the same requests.
func (f *one) balancer(n *foreign.Node) {
	if !lambda.Payload(f.fn, n, "1.0") {
		return
	}
	conditions := n.Get("conditions")
	paths := conditions.Get("path").Items()
	for _, p := range paths {
		at := p.Raw()
		if strings.Contains(at, "*") {
			at = ""
		}
		f.routes.Add(lambda.Path(cmp.Or(at, "*")), "")
		p.Map(f.at + ".events.http.path")
	}
	if len(paths) == 0 {
		f.routes.Add("", "")
	}
	for _, e := range conditions.Entries() {
		switch e.Key {
		case "path":
		case "method":
			e.Value.Drop("the function answers every method")
		default:
			e.Value.Lose("a load balancer decides by it: decide in the function")
		}
	}
	for _, e := range n.Entries() {
		if e.Key != "conditions" {
			e.Value.Drop("it is a setting of the load balancer, and the function answers at an address of its own")
		}
	}
}

// cors is a cross-origin policy, nil where there is none.
func (r *reader) cors(n *foreign.Node) *draft.CORS {
	all := &draft.CORS{Origins: []string{"*"}, Headers: []string{
		"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amzn-Trace-Id",
	}}
	if n.True() {
		return all
	}
	if !n.Is(foreign.Map) {
		return nil
	}
	c := &draft.CORS{}
	texts := func(keys ...string) (found []string) {
		for _, key := range keys {
			for _, item := range n.Get(key).Items() {
				if text, ok := r.text(item); ok {
					found = append(found, text)
				}
			}
		}
		return found
	}
	c.Origins, c.Headers = texts("origin", "origins", "allowedOrigins"), texts("headers", "allowedHeaders")
	c.Methods = texts("methods", "allowedMethods")
	c.Credentials = n.Get("allowCredentials").True()
	if age := n.Get("maxAge").Raw(); age != "" {
		c.MaxAge = age + "s"
	}
	if len(c.Origins) == 0 {
		c.Origins = all.Origins
	}
	if slices.Contains(c.Methods, "*") {
		c.Methods = nil
	}
	if exposed := n.Get("exposedResponseHeaders"); exposed != nil {
		exposed.Lose("the policy exposes no further headers: set Access-Control-Expose-Headers in the function")
	}
	return c
}
