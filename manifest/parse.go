package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/ferryfn/ferry/internal/regular"
)

// The bounds that keep a hostile file cheap. A manifest of a thousand functions is under all of them.
const (
	maxBytes = 1 << 20
	maxDepth = 50
	maxNodes = 100_000 // with aliases expanded
)

// source is a manifest's text.
type source struct {
	name  string
	lines []string
}

func newSource(name, text string) *source {
	return &source{name: name, lines: strings.Split(text, "\n")}
}

func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return cut(s.lines[n-1], 400)
}

func (s *source) problem(line, column int, message, hint string) Problem {
	return Problem{Position: place{s, line, column}.position(), Message: message, Hint: hint}
}

// readFile reads a manifest's bytes.
func readFile(name string) ([]byte, *Problem) {
	fail := func(hint, format string, args ...any) ([]byte, *Problem) {
		return nil, &Problem{Position: Position{File: name}, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	var other *regular.Error
	f, err := regular.Open(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail(instead(name), "the manifest does not exist")
	case errors.As(err, &other) && other.Mode.IsDir():
		return fail("name the file itself, or choose the folder with --dir", "the manifest is a folder")
	case errors.As(err, &other):
		return fail("name a plain file with --file", "the manifest is a %s, not a regular file", regular.Kind(other.Mode))
	case err != nil:
		return fail("make the file readable", "reading the manifest: %v", rootCause(err))
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fail("check the disk, then run it again", "reading the manifest: %v", rootCause(err))
	}
	if len(data) > maxBytes {
		return fail("split the service, or move what is large into files of its own", "the manifest is larger than 1 MB")
	}
	return data, nil
}

// instead is a hint at what may be meant by a file that does not exist.
func instead(name string) string {
	dir := filepath.Dir(name)
	files, _ := fs.Glob(os.DirFS(dir), "*.y*ml") // the pattern is well formed
	if near := nearest(filepath.Base(name), files); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if found := below(dir); len(found) > 0 {
		return "there is a " + FileName + " in " + strings.Join(found, ", and one in ") + ": name it with --file"
	}
	return "run ferry init to make one, or name the manifest with --file"
}

// rootCause drops the operation and path that os puts before an error: the problem names the file already.
func rootCause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// parse turns a manifest's bytes into a node. All duplicate keys and the like are reported at once, a
// syntax error alone, since what follows it cannot be told.
func parse(name string, data []byte) (*Node, Problems) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, Problems{{Position: Position{File: name}, Message: "the manifest is binary", Hint: "save it as UTF-8 text"}}
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	src := newSource(name, text)
	if p := src.unprintable(); p != nil {
		return nil, Problems{*p}
	}
	loader, err := yaml.NewLoader(strings.NewReader(text),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, Problems{src.problem(0, 0, fmt.Sprintf("preparing the YAML loader: %v", err), lookAround)}
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, Problems{src.syntax(err)}
	}
	if err := loader.Load(&second); err == nil {
		return nil, Problems{src.problem(second.Line, second.Column, "the manifest holds more than one YAML document", "write one service per file")}
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{src.syntax(err)}
	}
	c := converter{src: src, anchors: map[*yaml.Node]*Node{}, budget: maxNodes}
	root := c.node(doc.Content[0], 0)
	if c.budget < 0 {
		return nil, Problems{src.problem(0, 0, "the manifest is too large once its aliases are expanded", "write out what the aliases repeat")}
	}
	return root, c.report.done()
}

// unprintable finds bytes that are no text. Terminal control sequences are among them, so that a source line can be shown.
func (s *source) unprintable() *Problem {
	for i, line := range s.lines {
		for j, r := range line {
			_, width := utf8.DecodeRuneInString(line[j:])
			bad := r == utf8.RuneError && width == 1
			separator := r == '\u2028' || r == '\u2029' // YAML ends a line there, editors do not
			if bad || separator || r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
				what := "a control character"
				if bad {
					what = "bytes that are not UTF-8"
				}
				return &Problem{
					Position: Position{File: s.name, Line: i + 1, Column: utf8.RuneCountInString(line[:j]) + 1},
					Message:  "the manifest holds " + what, Hint: "save it as UTF-8 text",
				}
			}
		}
	}
	return nil
}

// lookAround is the hint for what the YAML library finds, which is often a line late.
const lookAround = "check this line and the one above: indentation, quotes and brackets"

// syntax turns the loader's error into a problem in the words of this package.
func (s *source) syntax(err error) Problem {
	if errors.Is(err, io.EOF) {
		return s.problem(0, 0, "the manifest is empty", "run ferry init to see a complete one")
	}
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return s.problem(0, 0, fmt.Sprintf("the manifest is not valid YAML: %v", err), lookAround)
	}
	line, column := le.Mark.Line, le.Mark.Column
	if (line >= len(s.lines) || s.line(line) == "") && le.ContextMark.Line > 0 {
		line, column = le.ContextMark.Line, le.ContextMark.Column // the end of the file says nothing
	}
	if line > len(s.lines) {
		line, column = len(s.lines), 1
	}
	column = max(column, 1)
	message, hint := "not valid YAML: "+le.Message, lookAround
	before := []rune(s.line(line))
	before = before[:min(max(column, 0), len(before))]
	switch {
	case strings.Contains(le.Message, "max depth"):
		message, hint = fmt.Sprintf("the manifest is nested deeper than %d levels", maxDepth), "write it flatter"
	case strings.HasPrefix(strings.TrimLeft(string(before), " "), "\t"):
		message, hint = "a tab is used for indentation", "indent with spaces"
	case strings.Contains(le.Message, "mapping values are not allowed"):
		hint = "check the indentation, and quote text that contains \": \""
	case strings.Contains(le.Message, "cannot start any token"):
		hint = "quote the value"
	case strings.Contains(le.Message, "unknown anchor"):
		hint = "define the anchor above, or quote text that begins with *"
	case strings.Contains(le.Message, "did not find expected key"):
		hint = "check the indentation of this line"
	}
	return s.problem(line, column, message, hint)
}

// converter turns the YAML library's nodes into ours.
type converter struct {
	src     *source
	report  report
	anchors map[*yaml.Node]*Node // nil while the anchored node is being converted
	budget  int                  // nodes that may still be made, aliased ones counted each time
}

func (c *converter) problem(n *yaml.Node, hint, format string, args ...any) {
	c.report.add(c.src.problem(n.Line, n.Column, fmt.Sprintf(format, args...), hint))
}

func (c *converter) node(n *yaml.Node, depth int) *Node {
	at := place{c.src, n.Line, n.Column}
	null := &Node{kind: kindNull, at: at, size: 1}
	c.budget--
	if c.budget < 0 || depth > maxDepth {
		c.budget = -1
		return null
	}
	if n.Anchor != "" {
		c.anchors[n] = nil
	}
	out := null
	switch n.Kind {
	case yaml.AliasNode:
		target, ok := c.anchors[n.Alias]
		if !ok || target == nil {
			c.problem(n, "write out what the alias stands for", "the alias *%s refers to itself", cut(n.Value, 60))
			return null
		}
		c.budget -= target.size
		return target
	case yaml.ScalarNode:
		out = c.scalar(n, at)
	case yaml.SequenceNode:
		items := make([]*Node, 0, len(n.Content))
		for _, item := range n.Content {
			items = append(items, c.node(item, depth+1))
		}
		out = newList(at, items)
	case yaml.MappingNode:
		out = c.mapping(n, at, depth)
	}
	c.refuseTag(n)
	if n.Anchor != "" {
		c.anchors[n] = out
	}
	return out
}

// refuseTag reports a tag that was written out: !!str and !Ref would change what a value means.
func (c *converter) refuseTag(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 {
		c.problem(n, "remove the tag; quote the value if it is text", "YAML tags are not supported")
	}
}

func (c *converter) scalar(n *yaml.Node, at place) *Node {
	out := &Node{kind: kindText, text: n.Value, at: at, size: 1}
	switch n.Tag {
	case "!!null":
		out.kind, out.text = kindNull, ""
	case "!!bool":
		out.kind, out.text = kindBool, strings.ToLower(n.Value)
	case "!!int", "!!float":
		out.kind = kindNumber
	}
	if strings.ContainsRune(out.text, 0) {
		c.problem(n, "remove it", "the value holds a NUL character")
	}
	return out
}

func (c *converter) mapping(n *yaml.Node, at place, depth int) *Node {
	entries := make([]entry, 0, len(n.Content)/2)
	index := make(map[string]int, len(n.Content)/2)
	var merged []*Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], c.node(n.Content[i+1], depth+1)
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, c.merged(key, value)...)
			continue
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			c.problem(key, "write a word before the colon", "a key must be a word")
			continue
		}
		c.refuseTag(key)
		if first, dup := index[key.Value]; dup {
			c.problem(key, "remove one of them", "the key %s is already on line %d", quote(key.Value), entries[first].at.line)
			continue
		}
		index[key.Value] = len(entries)
		entries = append(entries, entry{key.Value, place{c.src, key.Line, key.Column}, value})
	}
	for _, m := range merged {
		for _, e := range m.entries {
			if _, own := index[e.key]; !own {
				index[e.key] = len(entries)
				entries = append(entries, e)
				c.budget -= e.value.size
			}
		}
	}
	return newMap(at, entries)
}

// merged returns the maps that `<<:` names, the strongest first.
func (c *converter) merged(key *yaml.Node, value *Node) []*Node {
	maps := []*Node{value}
	if value.kind == kindList {
		maps = value.items
	}
	for _, m := range maps {
		if !m.isMap() {
			c.problem(key, "name a map: <<: *anchor", "<< merges %s, which is not a map", m.kind)
			return nil
		}
	}
	return maps
}
