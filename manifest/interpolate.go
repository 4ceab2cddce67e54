package manifest

import (
	"fmt"
	"regexp"
	"strings"
)

// interpolator replaces ${…} in the values that are used.
type interpolator struct {
	env    func(name string) (string, bool)
	git    func(dir string) (string, error)
	dir    string
	values map[string]string // service, stage, target, as far as they are known
	report *report
	sha    *string
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// resolve returns n with all its scalars interpolated. Parts in which there is nothing to do are shared.
func (ip *interpolator) resolve(n *Node, path, function string) *Node {
	if n == nil {
		return nil
	}
	switch n.kind {
	case kindText:
		if strings.Contains(n.text, "${") {
			return ip.scalar(n, path, function)
		}
	case kindList:
		items := make([]*Node, len(n.items))
		changed := false
		for i, item := range n.items {
			items[i] = ip.resolve(item, fmt.Sprintf("%s[%d]", path, i), function)
			changed = changed || items[i] != item
		}
		if changed {
			return newList(n.at, items)
		}
	case kindMap:
		entries := make([]entry, len(n.entries))
		changed := false
		for i, e := range n.entries {
			entries[i] = entry{e.key, e.at, ip.resolve(e.value, path+"."+e.key, function)}
			changed = changed || entries[i].value != e.value
		}
		if changed {
			return newMap(n.at, entries)
		}
	}
	return n
}

func (ip *interpolator) scalar(n *Node, path, function string) *Node {
	out := &Node{kind: kindText, at: n.at, size: 1, loose: true}
	fail := func(hint, format string, args ...any) {
		ip.report.add(Problem{
			Position: n.at.position(), Function: function, Field: path,
			Message: fmt.Sprintf(format, args...), Hint: hint,
		})
		out.broken = true
	}
	var b strings.Builder
	rest := n.text
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		b.WriteString(rest[:i])
		inner, after, closed := strings.Cut(rest[i+2:], "}")
		if !closed {
			fail("close it with }, or write $${ for a plain ${", "%s has no end", quote(rest[i:]))
			return out
		}
		value, message, hint := ip.expand(inner)
		if message != "" {
			fail(hint, "${%s} %s", cut(inner, 60), message)
		}
		out.secret = out.secret || strings.HasPrefix(inner, "env:")
		out.varies = out.varies || out.secret || inner == "git:sha"
		b.WriteString(value)
		rest = after
	}
	out.text = b.String()
	return out
}

// varying adds the paths of the scalars of n that vary.
func (n *Node) varying(path string, into []string) []string {
	if n == nil {
		return into
	}
	if n.varies {
		into = append(into, path)
	}
	for i, item := range n.items {
		into = item.varying(fmt.Sprintf("%s[%d]", path, i), into)
	}
	for _, e := range n.entries {
		into = e.value.varying(strings.TrimPrefix(path+"."+e.key, "."), into)
	}
	return into
}

// expand returns what an interpolation stands for, or what is wrong with it.
func (ip *interpolator) expand(inner string) (value, message, hint string) {
	if strings.Contains(inner, "${") {
		return "", "holds another interpolation", "interpolations do not nest: give the default as plain text"
	}
	if spec, isEnv := strings.CutPrefix(inner, "env:"); isEnv {
		name, fallback, hasFallback := strings.Cut(spec, ":-")
		if !envName.MatchString(name) {
			return "", "does not name an environment variable", "write ${env:NAME} or ${env:NAME:-default}"
		}
		v, set := "", false
		if ip.env != nil {
			v, set = ip.env(name)
		}
		switch {
		case hasFallback && v == "":
			return fallback, "", ""
		case !set:
			return "", "is not set", fmt.Sprintf("set %s, or write ${env:%s:-default}", name, name)
		}
		return v, "", ""
	}
	if v, ok := ip.values[inner]; ok {
		return v, "", ""
	}
	switch inner {
	case "git:sha":
		return ip.gitSHA()
	case "service", "stage", "target":
		return "", "is not known yet at this point", "write it out"
	}
	hint = "use ${env:NAME}, ${stage}, ${target}, ${service} or ${git:sha}, or write $${ for a plain ${"
	if envName.MatchString(inner) {
		hint = fmt.Sprintf("write ${env:%s} for the environment variable, or $${%s} to leave it as it is", inner, inner)
	}
	if near := nearest(inner, []string{"service", "stage", "target", "git:sha"}); near != "" {
		hint = fmt.Sprintf("did you mean \"${%s}\"?", near)
	}
	return "", "is not a known interpolation", hint
}

func (ip *interpolator) gitSHA() (value, message, hint string) {
	if ip.sha == nil {
		if ip.git == nil {
			return "", "cannot be read: there is no git", "write the value out"
		}
		sha, err := ip.git(ip.dir)
		if err != nil {
			return "", fmt.Sprintf("cannot be read: %v", err), "commit the sources, or write the value out"
		}
		ip.sha = &sha
	}
	return *ip.sha, "", ""
}
