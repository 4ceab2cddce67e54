package node

import (
	"cmp"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// alias takes what a module that comes along as a file loads by an alias: "#lib/db" is what `imports` of the nearest package.json
// says. Every target that Node may take comes along, since the conditions that it looks at are those of its start.
func (r *reads) alias(p *paths, l load) error {
	for dir := filepath.FromSlash(path.Dir(l.from)); ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, packageFile)
		if there, err := source.IsFile(file); err != nil {
			return err
		} else if there {
			data, err := r.job.In.Read(file)
			if err != nil {
				return err
			}
			for _, target := range aliased(data, l.name) {
				if err := r.load(p, load{name: target, from: filepath.ToSlash(file), line: l.line}); err != nil {
					return err
				}
			}
			return nil
		}
		if dir == r.job.Root || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// aliased are the targets of an alias in a package.json, files and packages. Of several patterns the longest one counts.
func aliased(data []byte, name string) []string {
	var described struct {
		Imports map[string]json.RawMessage `json:"imports"`
	}
	if json.Unmarshal(data, &described) != nil { // which Node says
		return nil
	}
	value, star := described.Imports[name], ""
	if value == nil {
		var best string
		for key := range described.Imports {
			before, after, ok := strings.Cut(key, "*")
			if ok && len(name) >= len(key) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) &&
				cmp.Or(cmp.Compare(strings.Index(key, "*"), strings.Index(best, "*")), cmp.Compare(len(key), len(best))) > 0 {
				best, star = key, name[len(before):len(name)-len(after)]
			}
		}
		value = described.Imports[best]
	}
	var out []string
	for _, target := range leaves(value) {
		if target = strings.ReplaceAll(target, "*", star); !strings.HasPrefix(target, "#") {
			out = append(out, target)
		}
	}
	return out
}

// leaves are the texts in a value, which may be a text, a list, or an object of conditions.
func leaves(value json.RawMessage) []string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" {
		return []string{text}
	}
	var list []json.RawMessage
	var conditions map[string]json.RawMessage
	if json.Unmarshal(value, &list) != nil && json.Unmarshal(value, &conditions) == nil {
		for condition, of := range conditions {
			if condition != "types" && condition != "browser" {
				list = append(list, of)
			}
		}
	}
	var out []string
	for _, of := range list {
		out = append(out, leaves(of)...)
	}
	slices.Sort(out)
	return out
}
