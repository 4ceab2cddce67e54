package azuretest

import (
	"net/http"
	"net/url"
	"strings"
)

// routed finds the operation that a request is for.
func (s *surface) routed(r *http.Request) (*operation, map[string]string) {
	path := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for _, op := range s.ops {
		route, flag, _ := strings.Cut(op.route, "?")
		method, pattern, _ := strings.Cut(route, " ")
		if method != r.Method || !flagged(flag, r.URL.Query()) {
			continue
		}
		if vars, ok := match(strings.Split(strings.Trim(pattern, "/"), "/"), path); ok {
			return op, vars
		}
	}
	return s.fallback, nil
}

// flagged says whether a query has all of the pairs that a route asks for; a name without a value must be absent.
func flagged(flag string, query url.Values) bool {
	if flag == "" {
		return true
	}
	for pair := range strings.SplitSeq(flag, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(query.Get(name), value) {
			return false
		}
	}
	return true
}

// match compares a path with a pattern. Names of Azure are the same in any case. A last part "{name...}" takes all that follows.
//
// A first part "{scope}" takes what stands before the rest.
func match(pattern, path []string) (map[string]string, bool) {
	vars := map[string]string{}
	if pattern[0] == "{scope}" {
		before := len(path) - len(pattern) + 1
		if before < 2 {
			return nil, false
		}
		inside, ok := match(pattern[1:], path[before:])
		if !ok {
			return nil, false
		}
		vars, pattern, path = inside, nil, path[:before]
		vars["scope"] = strings.Join(path, "/")
		for i, name := range []string{"", "subscription", "", "group"} {
			if i < len(path) && name != "" {
				vars[name] = path[i]
			}
		}
		return vars, true
	}
	for i, part := range pattern {
		name, isVar := strings.CutPrefix(part, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, ok := strings.CutSuffix(name, "..."); ok && isVar && i < len(path) {
			value, err := url.PathUnescape(strings.Join(path[i:], "/"))
			vars[rest] = value
			return vars, err == nil && value != ""
		}
		if i >= len(path) {
			return nil, false
		}
		value, err := url.PathUnescape(path[i])
		if err != nil || !isVar && !strings.EqualFold(value, part) || isVar && value == "" {
			return nil, false
		}
		if isVar {
			vars[name] = value
		}
	}
	return vars, len(pattern) == len(path)
}
