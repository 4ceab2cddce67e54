package manifest

import (
	"regexp"
	"slices"
	"strings"
)

// language is what the manifest knows of the runtimes of one language. What a cloud offers is its adapter's business.
type language struct {
	name    string
	version *regexp.Regexp
	example string  // the version to suggest when none can be told
	styles  []Style // the first is the default
	aliases []string
}

var languages = []language{
	{
		name: "nodejs", version: regexp.MustCompile(`^[1-9]\d$`), example: "22", aliases: []string{"node", "js", "javascript", "typescript"},
		styles: []Style{StyleFetch, StyleNode, StyleLambda, StyleGCFHTTP, StyleGCFEvent, StyleAzure, StyleServer},
	},
	{
		name: "python", version: regexp.MustCompile(`^3\.[1-9]\d?$`), example: "3.13", aliases: []string{"py", "cpython"},
		styles: []Style{StyleWSGI, StyleASGI, StyleLambda, StyleGCFHTTP, StyleGCFEvent, StyleAzure, StyleServer},
	},
	{
		name: "go", version: regexp.MustCompile(`^$`), styles: []Style{StyleGo, StyleLambda, StyleGCF, StyleServer},
		aliases: []string{"golang"},
	},
	{
		name: "java", version: regexp.MustCompile(`^[1-9]\d?$`), example: "21", styles: []Style{StyleServer},
		aliases: []string{"jdk", "jvm", "openjdk"},
	},
	{
		name: "dotnet", version: regexp.MustCompile(`^[1-9]\d?$`), example: "10", styles: []Style{StyleServer},
		aliases: []string{"net", "csharp", "dotnetcore", "dotnet-isolated"},
	},
	{
		name: "custom", version: regexp.MustCompile(`^$`), styles: []Style{StyleServer, StyleLambda},
		aliases: []string{"provided", "binary", "rust", "docker", "native"},
	},
}

// language finds the language of a well-formed runtime.
func (r Runtime) known() (language, bool) {
	for _, l := range languages {
		if version, ok := strings.CutPrefix(string(r), l.name); ok && l.version.MatchString(version) {
			return l, true
		}
	}
	return language{}, false
}

var runtimeParts = regexp.MustCompile(`^([a-z][a-z-]*?)[-_ :@]*(\d+)?(?:\.(\d+))?([.x\d]*|\..*)$`)

// likely is the runtime that was probably meant, "" when that cannot be told.
func (r Runtime) likely() string {
	m := runtimeParts.FindStringSubmatch(strings.ToLower(strings.TrimSpace(string(r))))
	if m == nil {
		return ""
	}
	var names []string
	for _, l := range languages {
		if m[1] == l.name || slices.Contains(l.aliases, m[1]) {
			return l.name + l.likelyVersion(m[2], m[3])
		}
		names = append(names, l.name)
	}
	near := nearest(m[1], names)
	for _, l := range languages {
		if l.name == near {
			return l.name + l.likelyVersion(m[2], m[3])
		}
	}
	return ""
}

func (l language) likelyVersion(major, minor string) string {
	if l.name == "python" && len(major) > 1 && major[0] == '3' {
		major, minor = "3", major[1:] // python313
	}
	for _, v := range []string{major + "." + minor, major} {
		if l.version.MatchString(v) {
			return v
		}
	}
	return l.example
}

func (c *checker) runtime() {
	r := c.fn.Runtime
	l, ok := r.known()
	switch {
	case r == "":
		if _, meant := mistyped(c.node, "runtime"); meant {
			return
		}
		c.fail("runtime", "add runtime: nodejs22, python3.13, go, java21, dotnet10 or custom", "the function %s has no runtime", quote(c.fn.Name))
		return
	case !ok:
		hint := "use nodejs22, python3.13, go, java21, dotnet10 or custom"
		if near := r.likely(); near != "" {
			hint = "did you mean \"" + near + "\"?"
		}
		c.fail("runtime", hint, "the runtime %s is not known", quote(string(r)))
		return
	}
	if c.fn.Style == "" && !c.has("style") {
		c.fn.Style = l.styles[0]
	}
	if !slices.Contains(l.styles, c.fn.Style) {
		var offered []string
		for _, s := range l.styles {
			offered = append(offered, string(s))
		}
		c.fail("style", Suggest(string(c.fn.Style), offered), "the style %s is not known for %s", quote(string(c.fn.Style)), r)
	}
}
