package manifest

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// checker validates one resolved function and fills in its defaults.
type checker struct {
	report *report
	fn     *Function
	node   *Node // the merged block
	at     place // where the function is named
	path   string
	files  *folders
	bad    []string        // fields that could not be decoded: their values mean nothing
	zones  map[string]bool // the time zones that were looked up
	added  []string        // when a stage adds the function: the functions it may have meant
}

// fail reports a problem of a field, at the field or at what encloses it. A field that could not be decoded
// was reported before.
func (c *checker) fail(field, hint, format string, args ...any) {
	for _, b := range c.bad {
		if b == field || strings.HasPrefix(b, field+".") || strings.HasPrefix(b, field+"[") || strings.HasPrefix(field, b+".") || strings.HasPrefix(field, b+"[") {
			return
		}
	}
	c.report.add(Problem{
		Position: locate(c.node, c.at, field).position(), Function: c.fn.Name, Field: c.path + "." + field,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

func (c *checker) has(field string) bool { return c.node.get(field) != nil }

// check runs every check. The order of the problems does not matter: they are sorted by position.
func (c *checker) check() {
	c.runtime()
	c.payload()
	if c.source() {
		c.handler()
	}
	c.architecture()
	c.sizes()
	c.environment()
	c.scaling()
	c.events()
	c.health()
	c.build()
}

func (c *checker) architecture() {
	switch a := c.fn.Architecture; a {
	case "", "amd64", "arm64":
	case "x86_64", "x86-64", "x64", "x86":
		c.fail("architecture", `write amd64`, "the architecture %s is not known", quote(a))
	case "aarch64", "arm":
		c.fail("architecture", `write arm64`, "the architecture %s is not known", quote(a))
	default:
		c.fail("architecture", Suggest(a, []string{"amd64", "arm64"}), "the architecture %s is not known", quote(a))
	}
}

func (c *checker) sizes() {
	if !c.has("memory") {
		c.fn.Memory = 256 * MB
	}
	if c.fn.Memory < MB {
		c.fail("memory", "write 256MB", "\"memory\" must be at least 1MB, not %s", c.fn.Memory)
	}
	if !c.has("timeout") {
		c.fn.Timeout = Duration(30e9)
	}
	if c.fn.Timeout <= 0 {
		c.fail("timeout", "write 30s", "\"timeout\" must be more than 0")
	}
}

func (c *checker) environment() {
	for _, name := range sortedKeys(c.fn.Env) {
		c.variable("env."+name, name)
		if _, both := c.fn.Secrets[name]; both {
			c.fail("secrets."+name, "keep it under secrets and delete it from env (in a stage: "+name+": null)",
				"%s is in env and in secrets", name)
		}
	}
	for _, name := range sortedKeys(c.fn.Secrets) {
		c.variable("secrets."+name, name)
		if strings.TrimSpace(c.fn.Secrets[name]) == "" {
			c.fail("secrets."+name, "name the secret in the target's secret manager", "the secret of %s has no name", name)
		}
	}
}

func (c *checker) variable(field, name string) {
	switch {
	case !envName.MatchString(name):
		c.fail(field, "use letters, digits and _, and begin with no digit", "%s is not a valid environment variable name", quote(name))
	case strings.HasPrefix(name, "FERRY_"), name == "PORT":
		c.fail(field, "choose another name", "the environment variable %s is reserved", name)
	}
}

func (c *checker) scaling() {
	s := c.fn.Scaling
	for _, f := range []struct {
		name  string
		value int
	}{{"min", s.Min}, {"max", s.Max}, {"concurrency", s.Concurrency}} {
		if f.value < 0 {
			c.fail("scaling."+f.name, "write 0 or more", "%q must not be negative", f.name)
		}
	}
	if s.Max > 0 && s.Min > s.Max {
		c.fail("scaling.min", "raise max or lower min", "\"min\" is %d, which is more than \"max\", %d", s.Min, s.Max)
	}
	c.single()
}

func (c *checker) health() {
	h := c.fn.Health
	if h == nil {
		return
	}
	block := c.node.get("health")
	if block.get("status") == nil {
		h.Status = 200
	}
	if block.get("timeout") == nil {
		h.Timeout = Duration(5e9)
	}
	switch {
	case c.fn.HTTP() == nil:
		c.fail("health", "add an http event, or remove health", "a health check needs an http event")
	case h.Path == "":
		c.fail("health.path", "add path: /healthz", "the health check has no path")
	case !requestPath(h.Path):
		c.fail("health.path", "write /"+strings.TrimLeft(h.Path, "/"), "the health path %s is not a path that begins with /", quote(h.Path))
	}
	if h.Status < 100 || h.Status > 599 {
		c.fail("health.status", "write a status such as 200", "%d is not an HTTP status", h.Status)
	}
	if h.Timeout <= 0 {
		c.fail("health.timeout", "write 5s", "\"timeout\" must be more than 0")
	}
}

// requestPath reports whether p, which may hold a query, can be requested as it is.
func requestPath(p string) bool {
	u, err := url.ParseRequestURI(p)
	return err == nil && strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") && u.Host == "" && !strings.ContainsAny(p, " #")
}

func (c *checker) build() {
	b := c.fn.Build
	if language := c.fn.Runtime.Language(); language != "nodejs" {
		if b.Bundle != nil {
			c.fail("build.bundle", "remove it", "\"bundle\" is for Node, and the runtime is %s", c.fn.Runtime)
		}
		if b.SourceMaps != nil {
			c.fail("build.source_maps", "remove it", "\"source_maps\" is for Node, and the runtime is %s", c.fn.Runtime)
		}
		if len(b.External) > 0 {
			c.fail("build.external", "remove it", "\"external\" is for Node, and the runtime is %s", c.fn.Runtime)
		}
	}
	for i, glob := range b.Include {
		field := fmt.Sprintf("build.include[%d]", i)
		if message, hint := localPath(glob); message != "" {
			c.fail(field, hint, "the pattern %s %s", quote(glob), message)
		} else if _, err := path.Match(glob, ""); err != nil {
			c.fail(field, "close its brackets", "the pattern %s is not a valid glob", quote(glob))
		}
	}
	for _, list := range []struct {
		field string
		items []string
	}{{"build.exclude", b.Exclude}, {"build.external", b.External}} {
		for i, item := range list.items {
			if strings.TrimSpace(item) == "" {
				c.fail(fmt.Sprintf("%s[%d]", list.field, i), "remove it", "an entry of %q is empty", leaf(list.field))
			}
		}
	}
}

func sortedKeys(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
