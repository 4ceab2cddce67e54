package manifest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// events checks a function's events. They share no field, so each kind stands for itself.
func (c *checker) events() {
	https := 0
	for i := range c.fn.Events {
		e := &c.fn.Events[i]
		at := fmt.Sprintf("events[%d]", i)
		kinds := e.kinds()
		switch len(kinds) {
		case 0:
			if list := c.node.get("events"); i < len(list.items) && len(list.items[i].entries) > 0 {
				continue // its unknown key is reported
			}
			c.fail(at, "name one of "+strings.Join(eventNames(), ", "), "the event has no kind")
			continue
		case 1:
		default:
			c.fail(at, "make each an entry of its own in the list", "the event has several kinds: %s", strings.Join(kinds, ", "))
			continue
		}
		if e.HTTP != nil {
			if https++; https > 1 {
				c.fail(at, "make another function for it", "a function has at most one http event")
			}
		}
		c.style(at, kinds[0])
		eventKinds()[kinds[0]].check(c, at+"."+kinds[0], e)
	}
}

// style refuses events that the handler's signature cannot take.
func (c *checker) style(at, kind string) {
	switch {
	case kind != "http" && !c.fn.Style.Takes(ShapeEvent):
		c.fail(at, "use the style gcf-event, or fetch or wsgi, for events", "a %s handler takes no %s events", c.fn.Style, kind)
	case kind == "http" && !c.fn.Style.Takes(ShapeHTTP):
		c.fail(at, "use the style gcf-http for HTTP", "a %s handler answers no HTTP", c.fn.Style)
	}
}

func (c *checker) queue(at string, q *QueueEvent) {
	c.resource(at+".name", "queue", q.Name)
	n := locateNode(c.node, at)
	if n.get("batch") == nil {
		q.Batch = 1
	}
	least := func(key string, value int) {
		if n.get(key) != nil && value < 1 {
			c.fail(at+"."+key, "write 1 or more", "%q must be at least 1, not %d", key, value)
		}
	}
	least("batch", q.Batch)
	least("attempts", q.Attempts)
}

// locateNode returns the node at a path, nil when there is none.
func locateNode(n *Node, path string) *Node {
	var key string
	var index int
	if _, err := fmt.Sscanf(path, "events[%d].%s", &index, &key); err != nil {
		return nil
	}
	list := n.get("events")
	if list == nil || index >= len(list.items) {
		return nil
	}
	return list.items[index].get(key)
}

func (c *checker) resource(field, what, name string) {
	if strings.TrimSpace(name) == "" {
		c.fail(field, "add "+leaf(field)+":", "the %s has no name", what)
	}
}

func (c *checker) http(at string, h *HTTPEvent) {
	if h.Auth == "" {
		h.Auth = "public"
	}
	if h.Auth != "public" && h.Auth != "private" {
		c.fail(at+".auth", Suggest(h.Auth, []string{"public", "private"}), "\"auth\" must be public or private, not %s", quote(h.Auth))
	}
	if c.fn.Style == StyleServer {
		for _, f := range []struct {
			name string
			set  bool
		}{{"path", h.Path != ""}, {"methods", len(h.Methods) > 0}, {"cors", h.CORS != nil}} {
			if f.set {
				c.fail(at+"."+f.name, "remove it and let the server decide", "a server routes its own requests, so %q cannot be honoured", f.name)
			}
		}
		return
	}
	if h.Path != "" {
		c.pattern(at+".path", h.Path)
	}
	c.methods(at+".methods", h.Methods)
	if h.CORS != nil {
		c.cors(at+".cors", h.CORS)
	}
}

var (
	parameter = regexp.MustCompile(`^\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}$`)
	literal   = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()+,;=@-]+$`)
)

// pattern checks a path such as /items/{id} or /files/{rest...}.
func (c *checker) pattern(field, p string) {
	if !strings.HasPrefix(p, "/") {
		c.fail(field, "write /"+p, "the path %s does not begin with /", quote(p))
		return
	}
	segments := strings.Split(p[1:], "/")
	names := map[string]bool{}
	for i, s := range segments {
		last := i == len(segments)-1
		m := parameter.FindStringSubmatch(s)
		switch {
		case s == "" && last: // "/" and a slash at the end
		case s == "":
			c.fail(field, "write one /", "the path %s holds an empty segment", quote(p))
		case s == "." || s == "..":
			c.fail(field, "write the path without it", "the path %s holds the segment %s", quote(p), s)
		case m == nil && !literal.MatchString(s):
			c.fail(field, segmentHint(s), "the path %s holds the segment %s, which is neither plain text nor a {parameter}", quote(p), quote(s))
		case m == nil:
		case m[2] != "" && !last:
			c.fail(field, "move it to the end", "the path %s continues after %s", quote(p), s)
		case names[m[1]]:
			c.fail(field, "give them different names", "the path %s has two parameters named %s", quote(p), m[1])
		default:
			names[m[1]] = true
		}
	}
}

// segmentHint translates how others write parameters.
func segmentHint(s string) string {
	word := strings.Trim(s, ":{}<>[]*+.")
	switch {
	case s == "*" || s == "**":
		return "write {rest...} for everything below"
	case word == "" || !envName.MatchString(word):
		return "use letters, digits and ._~!$&'()+,;=@-, unescaped"
	case strings.ContainsAny(s, "*+") || strings.Contains(s, "..."):
		return "write {" + word + "...}"
	case strings.ContainsAny(s[:1], ":{<["):
		return "write {" + word + "}"
	}
	return "write a parameter as a whole segment: {name}"
}

var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// methods checks and upper-cases a list of HTTP methods.
func (c *checker) methods(field string, methods []string) {
	for i, m := range methods {
		at := fmt.Sprintf("%s[%d]", field, i)
		methods[i] = strings.ToUpper(m)
		switch {
		case methods[i] == "ANY" || m == "*":
			c.fail(at, "leave methods out to answer every method", "the method %s is not known", quote(m))
		case !slices.Contains(knownMethods, methods[i]):
			c.fail(at, Suggest(m, knownMethods), "the method %s is not known", quote(m))
		case slices.Contains(methods[:i], methods[i]):
			c.fail(at, "remove one", "the method %s is listed twice", methods[i])
		}
	}
}

func (c *checker) cors(field string, cors *CORS) {
	if len(cors.Origins) == 0 {
		c.fail(field+".origins", `add origins: ["https://example.com"], or ["*"] for all`, "the cross-origin policy names no origins")
	}
	for i, o := range cors.Origins {
		at := fmt.Sprintf("%s.origins[%d]", field, i)
		if o == "*" {
			if cors.Credentials {
				c.fail(at, "list the origins", "browsers refuse credentials together with the origin *")
			}
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			c.fail(at, "write scheme and host, such as https://example.com", "%s is not an origin", quote(o))
		}
	}
	c.methods(field+".methods", cors.Methods)
	for i, h := range cors.Headers {
		if h != "*" && !headerName.MatchString(h) {
			c.fail(fmt.Sprintf("%s.headers[%d]", field, i), "name one header", "%s is not a header name", quote(h))
		}
	}
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (c *checker) object(at string, o *ObjectEvent) {
	c.resource(at+".bucket", "object event's bucket", o.Bucket)
	if len(o.On) == 0 {
		o.On = []string{"created"}
	}
	for i, on := range o.On {
		field := fmt.Sprintf("%s.on[%d]", at, i)
		switch {
		case on != "created" && on != "deleted":
			c.fail(field, Suggest(on, []string{"created", "deleted"}), "\"on\" takes created and deleted, not %s", quote(on))
		case slices.Contains(o.On[:i], on):
			c.fail(field, "remove one", "%s is listed twice", on)
		}
	}
}
