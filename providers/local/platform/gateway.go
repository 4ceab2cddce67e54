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

// ServeHTTP is the gateway at the service's own port. A function is addressed by the first segment of the path or by the
// first label of a host below localhost.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := targetOf(r)
	host, ok := s.admitHost(w, r)
	if !ok {
		return
	}
	c := &call{choose: s.choose}
	function, byHost := strings.CutSuffix(host, ".localhost")
	if byHost {
		function = s.spelled(function)
	} else {
		path, query, asked := strings.Cut(target, "?")
		function, path, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
		c.prefix = "/" + function
		target = "/" + path
		if asked {
			target += "?" + query
		}
	}
	if !byHost && s.serveStatus(w, r, targetOf(r)) {
		return
	}
	c.function, c.target = function, target
	s.pass(w, r, c)
}

// serveDoor answers for one function, at a port of its own.
func (s *service) serveDoor(w http.ResponseWriter, r *http.Request, function string) {
	if _, ok := s.admitHost(w, r); ok {
		s.pass(w, r, &call{function: function, target: targetOf(r), choose: s.choose})
	}
}

// targetOf is what a request asks for, as it came.
func targetOf(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI() // "*", or a URL as proxies get it
}

// admitHost is the host that a request is for. One that nothing answers for is refused.
func (s *service) admitHost(w http.ResponseWriter, r *http.Request) (host string, ok bool) {
	host = hostname(r.Host)
	if ok = s.answersTo(host); !ok {
		answerError(w, http.StatusMisdirectedRequest, fmt.Sprintf("nothing here answers for %s: a target lists such names under 'hosts'", quote(host)))
	}
	return host, ok
}

// pass gives a request to its function, where people may call that.
func (s *service) pass(w http.ResponseWriter, r *http.Request, c *call) {
	if s.announces(w, r) {
		return
	}
	function := c.function
	p := s.choose(function)
	switch {
	case r.Method == http.MethodConnect: // which has servers close the connection, as if an instance had broken off
		answerError(w, http.StatusMethodNotAllowed, "CONNECT asks for a tunnel, and no proxy is here")
	case p == nil || !p.revision.HTTP:
		answer404(w, fmt.Sprintf("%s has no function %s that answers HTTP\n%s", s.scope, quote(function), s.list()))
	case p.revision.Private:
		answerError(w, http.StatusForbidden, function+" is private: call it with ferry invoke "+function)
	default:
		// An answer may begin before the request's body has ended.
		_ = http.NewResponseController(w).EnableFullDuplex()
		if !s.hearers.any() {
			c.forward(w, r, p)
			return
		}
		s.listenTo(w, r, c, func(w http.ResponseWriter, r *http.Request) { c.forward(w, r, p) })
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
		if port := (*s.ports.Load())[name]; port != 0 {
			b.WriteString("  " + URL(port, ""))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
