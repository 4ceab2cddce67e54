package platform

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
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
	host := hostname(r.Host)
	if !s.answersTo(host) {
		answerError(w, http.StatusMisdirectedRequest, fmt.Sprintf("nothing here answers for %s: a target lists such names under 'hosts'", quote(host)))
		return
	}
	function, byHost := strings.CutSuffix(host, ".localhost")
	if byHost {
		function = s.spelled(function)
	} else {
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

// hostname is the name or address in a Host header, in lower case.
func hostname(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(inner, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// answersTo reports whether requests may be for a host. A web page can have its own name lead to this machine, but it
// cannot have a browser send another name than that: so a name of somebody else's gets no answer.
func (s *service) answersTo(host string) bool {
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Unmap().IsLoopback() {
		return true
	}
	return slices.ContainsFunc(*s.hosts.Load(), func(listed string) bool { return strings.EqualFold(listed, host) })
}

// spelled is the name of the live function that a host's label means, in which case does not count.
func (s *service) spelled(label string) string {
	for name := range *s.routes.Load() {
		if strings.EqualFold(name, label) {
			return name
		}
	}
	return label
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
