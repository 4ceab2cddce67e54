package azuretest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// routed finds the function of a request, and what its route takes from the path; else the status to answer.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger, "Customize the HTTP endpoint".
func (w *worker) routed(s *site, r *http.Request) (*functionInfo, map[string]string, int) {
	prefix := "api"
	if p := w.host.Extensions.HTTP.RoutePrefix; p != nil {
		prefix = *p
	}
	var found *functionInfo
	var params map[string]string
	best := ""
	for _, f := range w.all {
		b := f.trigger("httpTrigger")
		if b == nil || s.off(f.Name) {
			continue
		}
		got, rank, ok := template(f.route(prefix), r.URL)
		if !ok || !accepts(b, r.Method) || found != nil && rank >= best {
			continue
		}
		found, params, best = &f, got, rank
	}
	if found == nil {
		return nil, nil, http.StatusNotFound // also where a route has no such method
	}
	level := text(found.trigger("httpTrigger"), "authLevel")
	if level == "" {
		level = "function"
	}
	if !s.admitted(r, found.Name, level) {
		return nil, nil, http.StatusUnauthorized
	}
	return found, params, 0
}

// off says whether a function is disabled by a setting.
func (s *site) off(function string) bool {
	s.cloud.mu.Lock()
	defer s.cloud.mu.Unlock()
	return s.disabled(function)
}

// route is where a function is served, with the prefix of its app.
func (f functionInfo) route(prefix string) string {
	route := f.Name
	if own, ok := f.trigger("httpTrigger")["route"].(string); ok {
		route = own
	}
	return strings.Trim(strings.Trim(prefix, "/")+"/"+strings.Trim(route, "/"), "/")
}

func accepts(b object, method string) bool {
	methods, ok := b["methods"].([]any)
	return !ok || len(methods) == 0 || slices.ContainsFunc(methods, func(m any) bool { return strings.EqualFold(asText(m), method) })
}

// template compares a path with the template of a route: literals, {name}, {name?}, {name:int}, {*rest}. The rank orders routes: the
// least is the most particular.
func template(route string, u *url.URL) (params map[string]string, rank string, ok bool) {
	params = map[string]string{}
	path := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	if path[0] == "" {
		path = nil
	}
	var parts []string
	if route != "" {
		parts = strings.Split(route, "/")
	}
	for i, part := range parts {
		inner, isParam := strings.CutPrefix(part, "{")
		inner = strings.TrimSuffix(inner, "}")
		if isParam && strings.HasPrefix(inner, "*") {
			rest, err := url.PathUnescape(strings.Join(path[min(i, len(path)):], "/"))
			if rest != "" {
				params[strings.TrimLeft(inner, "*")] = rest
			}
			return params, rank + "4", err == nil
		}
		name, constraint, _ := strings.Cut(strings.TrimSuffix(inner, "?"), ":")
		if i >= len(path) {
			if isParam && strings.HasSuffix(inner, "?") {
				rank += "3"
				continue
			}
			return nil, "", false
		}
		value, err := url.PathUnescape(path[i])
		switch {
		case err != nil:
			return nil, "", false
		case !isParam && !strings.EqualFold(part, value):
			return nil, "", false
		case !isParam:
			rank += "1"
		case constraint != "" && !satisfies(constraint, value):
			return nil, "", false
		default:
			params[name] = value
			rank += map[bool]string{true: "2", false: "3"}[constraint != ""]
		}
	}
	return params, rank, len(parts) >= len(path)
}

func satisfies(constraint, value string) bool {
	switch constraint {
	case "int", "long":
		_, err := strconv.ParseInt(value, 10, 64)
		return err == nil
	case "bool":
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case "guid":
		return isGUID(value)
	case "alpha":
		return strings.Trim(lower(value), "abcdefghijklmnopqrstuvwxyz") == ""
	}
	return true
}
