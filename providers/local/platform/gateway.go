package platform

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

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
	p := s.choose(function)
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
		c := &call{function: function, target: target, choose: s.choose}
		c.forward(w, r, p)
	}
}

func (s *service) index(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, s.scope.String()+"\n"+s.list())
}

// list names the functions that the gateway routes to.
func (s *service) list() string {
	var b strings.Builder
	routes := *s.routes.Load()
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		r := routes[name]
		if !r.live.revision.HTTP {
			continue
		}
		fmt.Fprintf(&b, "  /%s/", name)
		if r.live.revision.Private {
			b.WriteString("  (private)")
		}
		if r.canary != nil {
			fmt.Fprintf(&b, "  (%d%% of the requests go to %s, the rest to %s)", r.percent, r.canary.revision.ID, r.live.revision.ID)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
