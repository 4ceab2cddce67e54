package awstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// identify finds what a request asks for, and about what.
func (s *service) identify(r *http.Request, body []byte) (*request, *failure) {
	req := &request{http: r, body: body, form: r.URL.Query()}
	switch s.protocol {
	case restJSON:
		req.op, req.vars = s.routed(r)
	case json10, json11:
		_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		req.op = s.named(name)
	case query:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, &failure{status: 400, code: "MalformedInput", message: err.Error()}
		}
		req.op, req.form = s.named(form.Get("Action")), form
	case restXML:
		req.op, req.vars = s3Route(s, r)
	}
	if req.op == nil {
		return nil, &failure{status: 404, code: "UnknownOperationException", message: "there is no such operation here"}
	}
	req.resource = req.about()
	return req, nil
}

func (s *service) named(name string) *operation {
	for _, op := range s.ops {
		if op.name == name {
			return op
		}
	}
	return nil
}

func (s *service) routed(r *http.Request) (*operation, map[string]string) {
	path := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for _, op := range s.ops {
		route, flag, _ := strings.Cut(op.route, "?")
		method, pattern, _ := strings.Cut(route, " ")
		if method != r.Method || flag != "" && r.URL.RawQuery != flag && !strings.Contains(r.URL.RawQuery, flag) {
			continue
		}
		if vars, ok := match(strings.Split(strings.Trim(pattern, "/"), "/"), path); ok {
			return op, vars
		}
	}
	return nil, nil
}

func match(pattern, path []string) (map[string]string, bool) {
	if len(pattern) != len(path) {
		return nil, false
	}
	vars := map[string]string{}
	for i, part := range pattern {
		name, isVar := strings.CutPrefix(part, "{")
		value, err := url.PathUnescape(path[i])
		if err != nil || value == "" || !isVar && value != part {
			return nil, false
		}
		if isVar {
			vars[strings.TrimSuffix(name, "}")] = value
		}
	}
	return vars, true
}

// The members that name what a request is about, the first found counts.
var naming = []string{
	"FunctionName", "Resource", "UUID", "RoleName", "PolicyArn", "logGroupName", "logGroupNamePrefix", "resourceArn",
	"QueueName", "QueueUrl", "TopicArn", "SubscriptionArn", "Bucket", "SecretId", "ResourceId", "Name", "NamePrefix",
}

func (r *request) about() string {
	if r.op.service.protocol == restXML {
		return strings.TrimSuffix(r.vars["Bucket"]+"/"+r.vars["Key"], "/")
	}
	if len(r.body) < maxRequest && r.op.service.protocol != query {
		_ = json.Unmarshal(r.body, &r.members) // decoding proper reports errors
	}
	for _, name := range naming {
		if value := r.vars[name]; value != "" {
			return value
		}
		if value, ok := r.members[name].(string); ok {
			return value
		}
		if value := r.form.Get(name); value != "" {
			return value
		}
	}
	return ""
}
