package platform

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (s *service) route(function string) *pool { return (*s.routes.Load())[function] }

// ServeHTTP is the gateway. A function is addressed by the first segment of the path or by the first label
// of a host below localhost.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // "*", or a URL as proxies get it
		target = r.URL.RequestURI()
	}
	host, _, _ := strings.Cut(r.Host, ":")
	function, byHost := strings.CutSuffix(host, ".localhost")
	if !byHost {
		path, query, asked := strings.Cut(target, "?")
		function, path, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
		target = "/" + path
		if asked {
			target += "?" + query
		}
	}
	p := s.route(function)
	switch {
	case function == "" && target == "/":
		s.index(w)
	case p == nil || !p.revision.HTTP:
		answer404(w, fmt.Sprintf("%s has no function %s that answers HTTP\n%s", s.scope, quote(function), s.list()))
	case p.revision.Private:
		answerError(w, http.StatusForbidden, function+" is private: call it with ferry invoke "+function)
	default:
		// An answer may begin before the request's body has ended.
		_ = http.NewResponseController(w).EnableFullDuplex()
		c := &call{function: function, target: target, route: s.route}
		c.forward(w, r)
	}
}

func (s *service) index(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, s.scope.String()+"\n"+s.list())
}

// list names the functions that the gateway routes to.
func (s *service) list() string {
	var b strings.Builder
	pools := *s.routes.Load()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		switch r := pools[name].revision; {
		case r.HTTP && r.Private:
			fmt.Fprintf(&b, "  /%s/  (private)\n", name)
		case r.HTTP:
			fmt.Fprintf(&b, "  /%s/\n", name)
		}
	}
	return b.String()
}
