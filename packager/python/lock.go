package python

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// lock is a uv.lock or a poetry.lock: what was chosen, and what asks for what.
type lock struct {
	file     string
	packages map[string][]*locked // by normal name; more than one when the choice depends on the platform
}

// locked is one choice.
type locked struct {
	name, version string
	line          string // how an installer is asked for it, when not by name and version
	virtual       bool   // what it asks for is installed, and nothing of it
	hashes        []string
	needs         []need
	extras        map[string][]need
	reached       [][]string      // the ways on which it is asked for, each as markers that must all hold
	asked         map[string]bool // extras by the way on which they are asked for
}

// need is a wish for a package.
type need struct {
	name, version string // version is "" when there is one choice
	marker        string
	extras        []string
}

// pyproject is what matters of a pyproject.toml.
type pyproject struct {
	Project struct {
		Name         string   `toml:"name"`
		Dependencies []string `toml:"dependencies"`
		Dynamic      []string `toml:"dynamic"`
	} `toml:"project"`
	Tool struct {
		Poetry struct {
			Dependencies map[string]any `toml:"dependencies"`
			Package      *bool          `toml:"package-mode"`
		} `toml:"poetry"`
		UV struct {
			Sources map[string]any `toml:"sources"`
			Package *bool          `toml:"package"`
		} `toml:"uv"`
	} `toml:"tool"`
	Build map[string]any `toml:"build-system"`
}

// lockFile is what uv and Poetry write.
type lockFile struct {
	Package []struct {
		Name         string              `toml:"name"`
		Version      string              `toml:"version"`
		Source       map[string]string   `toml:"source"`
		Dependencies any                 `toml:"dependencies"` // uv: a list; Poetry: a table
		Optional     map[string][]edge   `toml:"optional-dependencies"`
		Extras       map[string][]string `toml:"extras"`
		Wheels       []hashedFile        `toml:"wheels"`
		Sdist        hashedFile          `toml:"sdist"`
		Files        []hashedFile        `toml:"files"`
	} `toml:"package"`
}

type edge struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"`
	Marker  string   `toml:"marker"`
	Extra   []string `toml:"extra"`
}

type hashedFile struct {
	Hash string `toml:"hash"`
}

var separators = pattern.Of(`[-_.]+`)

// normal is a package's name as registries compare it.
func normal(name string) string { return strings.ToLower(separators().ReplaceAllString(name, "-")) }

// The forms of names and versions. An installer is handed them in lines of text.
var (
	lockedName    = pattern.Of(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	lockedVersion = pattern.Of(`^[A-Za-z0-9.!+_-]*$`)
)

const lockAgain = "regenerate it with the tool that wrote it"

// mostWays is on how many ways a package may be asked for: their number can double with every package in between.
const mostWays = 500

// readLock reads a lock file of either kind.
func (j *job) readLock(file string) (*lock, error) {
	data, err := j.In.Read(file)
	if err != nil {
		return nil, err
	}
	var f lockFile
	if err := toml.Unmarshal(data, &f); err != nil {
		return nil, source.Problem(file, lockAgain, "%s cannot be read: %v", filepath.Base(file), err)
	}
	l := &lock{file: file, packages: map[string][]*locked{}}
	for _, p := range f.Package {
		if !lockedName().MatchString(p.Name) || !lockedVersion().MatchString(p.Version) {
			return nil, source.Problem(file, lockAgain, "%s holds a package of the name %q and the version %q", filepath.Base(file), p.Name, p.Version)
		}
		one := &locked{name: p.Name, version: p.Version, extras: map[string][]need{}, asked: map[string]bool{}}
		for _, h := range append(append(p.Wheels, p.Sdist), p.Files...) {
			if h.Hash != "" {
				one.hashes = append(one.hashes, h.Hash)
			}
		}
		l.source(one, p.Source)
		var optional map[string]need
		switch deps := p.Dependencies.(type) {
		case []any:
			one.needs = uvNeeds(deps)
		case map[string]any:
			one.needs, optional = poetryNeeds(deps)
		}
		for extra, edges := range p.Optional {
			for _, e := range edges {
				one.extras[extra] = append(one.extras[extra], need{normal(e.Name), e.Version, e.Marker, e.Extra})
			}
		}
		for extra, names := range p.Extras {
			for _, text := range names {
				if n, ok := optional[parseRequirement(text).name]; ok {
					one.extras[extra] = append(one.extras[extra], n)
				}
			}
		}
		l.packages[normal(p.Name)] = append(l.packages[normal(p.Name)], one)
	}
	return l, nil
}

// source says how a package that is of no registry is installed, or that it is not.
func (l *lock) source(p *locked, source map[string]string) {
	url := source["url"]
	switch path := cmp.Or(source["path"], source["directory"], source["editable"]); {
	case source["virtual"] != "": // it is no package: what it asks for is all
		p.virtual = true
	case source["git"] != "": // uv has the commit at its end
		address, commit, _ := strings.Cut(source["git"], "#")
		address, _, _ = strings.Cut(address, "?")
		p.line = p.name + " @ git+" + address + "@" + commit
	case source["type"] == "git":
		p.line = p.name + " @ git+" + url + "@" + cmp.Or(source["resolved_reference"], source["reference"])
	case path != "" || source["type"] == "file" || source["type"] == "directory":
		p.line = filepath.Join(filepath.Dir(l.file), filepath.FromSlash(cmp.Or(path, url)))
		if filepath.IsAbs(cmp.Or(path, url)) {
			p.line = cmp.Or(path, url)
		}
	case url != "" && source["type"] != "legacy":
		p.line = p.name + " @ " + url
	}
}

func uvNeeds(list []any) (out []need) {
	for _, one := range list {
		if t, ok := one.(map[string]any); ok {
			out = append(out, need{normal(text(t["name"])), text(t["version"]), text(t["marker"]), texts(t["extra"])})
		}
	}
	return out
}

// poetryNeeds are the needs of a Poetry table, and those that only an extra asks for.
func poetryNeeds(table map[string]any) (needs []need, optional map[string]need) {
	optional = map[string]need{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		several, ok := table[name].([]any)
		if !ok {
			several = []any{table[name]}
		}
		for _, one := range several {
			t, _ := one.(map[string]any)
			n := need{name: normal(name), marker: withoutExtra(text(t["markers"])), extras: texts(t["extras"])}
			if versions := text(t["python"]); versions != "" && n.marker == "" {
				n.marker = pythonMarker(versions)
			}
			if isOptional, _ := t["optional"].(bool); isOptional {
				optional[n.name] = n
			} else if n.name != "python" {
				needs = append(needs, n)
			}
		}
	}
	return needs, optional
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, one := range list {
		out = append(out, text(one))
	}
	return out
}

var extraMarker = pattern.Of(`(\s+and\s+)?\(?extra\s*==\s*["'][^"']*["']\)?(\s+and\s+)?`)

// withoutExtra takes from a marker what asks for an extra: who follows it has asked.
func withoutExtra(marker string) string {
	return strings.TrimSpace(extraMarker().ReplaceAllStringFunc(marker, func(m string) string {
		if strings.HasPrefix(strings.TrimSpace(m), "and") && strings.HasSuffix(strings.TrimSpace(m), "and") {
			return " and "
		}
		return ""
	}))
}

var comparison = pattern.Of(`(\^|~=?|[<>=!]=?)\s*([0-9][0-9.*]*)`)

// pythonMarker is a marker for Poetry's form of a range of Python versions.
func pythonMarker(versions string) string {
	var out []string
	for _, m := range comparison().FindAllStringSubmatch(versions, -1) {
		op := m[1]
		if strings.HasPrefix(op, "^") || strings.HasPrefix(op, "~") {
			op = ">="
		}
		out = append(out, "python_full_version "+op+` "`+m[2]+`"`)
	}
	return strings.Join(out, " and ")
}

var requirementForm = pattern.Of(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?([^;]*)(?:;\s*(.*))?$`)

// parseRequirement reads a dependency as pyproject.toml has it, but for its version.
func parseRequirement(line string) need {
	m := requirementForm().FindStringSubmatch(line)
	if m == nil {
		return need{}
	}
	n := need{name: normal(m[1]), marker: strings.TrimSpace(m[4])}
	for extra := range strings.SplitSeq(m[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			n.extras = append(n.extras, extra)
		}
	}
	return n
}

// visit follows a wish under conditions that must all hold.
func (l *lock) visit(n need, conditions []string) error {
	found := l.packages[n.name]
	if len(found) == 0 {
		return source.Problem(l.file, "regenerate the lock file", "%s does not hold %s", filepath.Base(l.file), n.name)
	}
	if n.marker != "" && !slices.Contains(conditions, n.marker) {
		conditions = append(slices.Clone(conditions), n.marker)
		slices.Sort(conditions)
	}
	for _, p := range found {
		if n.version != "" && p.version != n.version {
			continue
		}
		if err := l.reach(p, n.extras, conditions); err != nil {
			return err
		}
	}
	return nil
}

func (l *lock) reach(p *locked, extras, conditions []string) error {
	needs := []need{}
	covered := slices.ContainsFunc(p.reached, func(way []string) bool {
		return !slices.ContainsFunc(way, func(c string) bool { return !slices.Contains(conditions, c) })
	})
	if len(p.reached) == mostWays || len(p.asked) == mostWays {
		return source.Problem(l.file, "write what is to be installed to requirements.txt, for example with `uv export --no-dev -o requirements.txt`",
			"%s asks for %s under more than %d conditions", filepath.Base(l.file), p.name, mostWays)
	}
	if !covered {
		p.reached = append(p.reached, conditions)
		needs = append(needs, p.needs...)
	}
	for _, extra := range extras {
		key := extra + "\x00" + strings.Join(conditions, "\x00")
		if !p.asked[key] {
			p.asked[key] = true
			needs = append(needs, p.extras[extra]...)
		}
	}
	for _, n := range needs {
		if err := l.visit(n, conditions); err != nil {
			return err
		}
	}
	return nil
}

// lines are requirements with exact versions for all that was reached.
func (l *lock) lines() []string {
	var out []string
	hashed := true
	for _, name := range slices.Sorted(maps.Keys(l.packages)) {
		for _, p := range l.packages[name] {
			hashed = hashed && (len(p.reached) == 0 || p.virtual || mustBuild(p.line) || len(p.hashes) > 0)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.packages)) {
		for _, p := range l.packages[name] {
			if len(p.reached) == 0 || p.virtual {
				continue
			}
			line := cmp.Or(p.line, p.name+"=="+p.version)
			if marker := p.marker(); marker != "" {
				line += " ; " + marker
			}
			slices.Sort(p.hashes)
			for _, h := range slices.Compact(p.hashes) {
				if hashed {
					line += " --hash=" + h
				}
			}
			out = append(out, line)
		}
	}
	return out
}

// marker is the condition under which a package is wanted, "" for always.
func (p *locked) marker() string {
	var ways []string
	for _, way := range p.reached {
		if len(way) == 0 {
			return ""
		}
		ways = append(ways, "("+strings.Join(way, ") and (")+")")
	}
	if len(ways) == 1 {
		return ways[0]
	}
	slices.Sort(ways)
	return "(" + strings.Join(slices.Compact(ways), ") or (") + ")"
}
