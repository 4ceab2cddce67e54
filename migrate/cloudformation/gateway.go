package cloudformation

import (
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

const (
	ownAddress  = "each function answers at an address of its own"
	ownEvent    = "API Gateway makes an event of its own of the request: make it a proxy integration, or read the request in the function"
	authorizers = "an authorizer of API Gateway cannot be carried: check the caller in the function, or set auth: private"
)

// api reads an API that is a resource. Its routes are events of the functions, or resources of their own.
func (r *reader) api(n *foreign.Node) {
	n.Drop(ownAddress)
	properties := n.Get("Properties")
	for _, key := range []string{"DefinitionBody", "DefinitionUri", "Body", "BodyS3Location", "Domain"} {
		properties.Get(key).Lose("it is a feature of API Gateway, and each function answers at an address of its own")
	}
	properties.Get("Target").Lose("it does not say in which format the function gets requests: add an http event, and payload: \"1.0\" where it is that one")
	r.shield(properties)
}

// shield reads who may call an API, or all, and from where. What is not carried is said, and what is has been.
func (r *reader) shield(properties *foreign.Node) {
	for _, e := range properties.Get("Auth").Entries() {
		switch e.Key {
		case "DefaultAuthorizer":
			if e.Value.Raw() != "AWS_IAM" {
				e.Value.Lose(authorizers)
			} else if !e.Value.Told() {
				e.Value.Drop("no route has it")
			}
		case "EnableIamAuthorizer", "AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight", "InvokeRole":
			e.Value.Drop("it is a setting of API Gateway")
		default:
			e.Value.Lose("it is a feature of API Gateway: check the caller in the function, or set auth: private")
		}
	}
	for _, key := range []string{"Cors", "CorsConfiguration"} {
		if cors := properties.Get(key); !cors.Told() {
			cors.Drop("no route has it")
		}
	}
}

// gateway takes what the API of a route says of all its routes: the one that the route names, else that of the template's globals.
func (f *one) gateway(api *foreign.Node, kind string) (private bool) {
	properties := f.root.At("Globals", kind)
	for _, id := range lambda.References(api) {
		if n := f.template.Resources.Get(id); n != nil {
			properties = n.Get("Properties")
		}
	}
	if by := properties.At("Auth", "DefaultAuthorizer"); by.Raw() == "AWS_IAM" {
		by.Map("functions.*.events.http.auth")
		private = true
	}
	for _, key := range []string{"Cors", "CorsConfiguration"} {
		if cors := properties.Get(key); cors != nil && !cors.False() {
			f.routes.Share(f.cors(cors))
			cors.Map("functions.*.events.http.cors")
		}
	}
	return private
}

// cors is a cross-origin policy, as HTTP APIs and function URLs write it, or REST APIs: each text in quotes.
func (f *one) cors(n *foreign.Node) *draft.CORS {
	if text := strings.Trim(n.Raw(), "'"); n.True() {
		return &draft.CORS{Origins: []string{"*"}}
	} else if n.Is(foreign.Scalar) {
		return &draft.CORS{Origins: []string{text}}
	}
	texts := func(key string) (found []string) {
		for _, item := range n.Get(key).Items() {
			text, ok := f.text(item)
			for part := range strings.SplitSeq(strings.Trim(text, "'"), ",") {
				if part = strings.TrimSpace(part); ok && part != "" {
					found = append(found, part)
				}
			}
		}
		return found
	}
	listed := func(key string) []string { // all is said by naming none
		return slices.DeleteFunc(texts(key), func(s string) bool { return s == "*" })
	}
	c := &draft.CORS{Origins: append(texts("AllowOrigins"), texts("AllowOrigin")...), Methods: listed("AllowMethods"), Headers: listed("AllowHeaders")}
	c.Credentials = n.Get("AllowCredentials").True()
	if age := strings.Trim(n.Get("MaxAge").Raw(), "'"); age != "" {
		c.MaxAge = age + "s"
	}
	if exposed := n.Get("ExposeHeaders"); len(exposed.Items()) > 0 {
		exposed.Lose("the policy exposes no further headers: set Access-Control-Expose-Headers in the function")
	}
	return c
}

// route is one of an HTTP API that is a resource of its own.
func (r *reader) route(n *foreign.Node) {
	properties := n.Get("Properties")
	integration := r.integration(properties.Get("Target"))
	f := r.of(n, integration.At("Properties", "IntegrationUri"))
	if f == nil {
		return
	}
	for _, id := range lambda.References(properties.Get("ApiId")) {
		if r.template.Resources.At(id, "Properties", "ProtocolType").Raw() == "WEBSOCKET" {
			n.Lose("functions answer requests: WebSockets of API Gateway cannot be carried")
			return
		}
	}
	format := integration.At("Properties", "PayloadFormatVersion").Raw()
	if format == "" {
		format = "1.0"
	}
	if !lambda.Payload(f.fn, n, format) {
		return
	}
	integration.Map(f.at + ".events.http")
	integration.At("Properties", "RequestParameters").Lose("API Gateway rewrites it: do so in the function")
	properties.Get("Target").Map(f.at + ".events.http")
	key := properties.Get("RouteKey")
	method, at, found := strings.Cut(key.Raw(), " ")
	if !found {
		method, at = "", "*"
	}
	key.Map(f.at + ".events.http")
	f.routes.Add(lambda.Path(at), lambda.Method(method))
	f.gateway(properties.Get("ApiId"), "")
	f.guard(properties)
}

// integration is that of a route's target.
func (r *reader) integration(target *foreign.Node) *foreign.Node {
	for _, id := range lambda.References(target) {
		if n := r.template.Resources.Get(id); n.Get("Type").Raw() == "AWS::ApiGatewayV2::Integration" {
			return n
		}
	}
	return nil
}

// method is one of a REST API that is a resource of its own.
func (r *reader) method(n *foreign.Node) {
	properties := n.Get("Properties")
	integration := properties.Get("Integration")
	if _, is := r.called(integration.Get("Uri")); !is {
		n.Lose("API Gateway answers it without a function of the template: write rules for other origins as cors, and let a function answer the rest")
		return
	}
	f := r.of(n, integration.Get("Uri"))
	if f == nil || !lambda.Payload(f.fn, n, "1.0") {
		return
	}
	integration.Map(f.at + ".events.http")
	if kind := integration.Get("Type"); kind.Raw() != "AWS_PROXY" {
		kind.Lose(ownEvent)
	}
	at, known := r.path(properties.Get("ResourceId"), f)
	if !known {
		properties.Get("ResourceId").Lose("its path does not stand in the template: the function answers at every path")
	}
	f.routes.Add(lambda.Path(at), lambda.Method(properties.Get("HttpMethod").Raw()))
	properties.Get("HttpMethod").Map(f.at + ".events.http.methods")
	f.guard(properties)
}

// path is that of a resource of a REST API, "*" for one that is not known.
func (r *reader) path(n *foreign.Node, f *one) (at string, known bool) {
	n.Map(f.at + ".events.http.path")
	for range 100 {
		ids := lambda.References(n)
		if len(ids) == 0 {
			break
		}
		is := r.template.Resources.Get(ids[0])
		switch is.Get("Type").Raw() {
		case "AWS::ApiGateway::RestApi", "AWS::Serverless::Api":
			return "/" + strings.TrimPrefix(at, "/"), true
		case "AWS::ApiGateway::Resource":
			part := is.At("Properties", "PathPart")
			if part.Raw() == "" || lambda.Computed(part) {
				return "*", false
			}
			is.Map(f.at + ".events.http.path")
			at, n = "/"+part.Raw()+at, is.At("Properties", "ParentId")
			continue
		}
		break
	}
	return "*", false
}

// guard reads who may call a route that is a resource of its own, and what else it says.
func (f *one) guard(properties *foreign.Node) {
	kind := properties.Get("AuthorizationType")
	private := kind.Raw() == "AWS_IAM"
	if private || kind.Raw() == "NONE" {
		kind.Map(f.at + ".events.http.auth")
	} else {
		kind.Lose(authorizers)
	}
	if key := properties.Get("ApiKeyRequired"); key.True() {
		key.Lose("API keys are a feature of API Gateway: check the key in the function")
	}
	for _, key := range []string{"RequestParameters", "RequestModels", "RequestValidatorId"} {
		properties.Get(key).Lose("API Gateway checks it: do so in the function")
	}
	for _, e := range properties.Entries() {
		if !e.Value.Told() {
			e.Value.Drop("it is a setting of API Gateway")
		}
	}
	f.routes.Guard(private)
}
