// Package foreign reads the configuration of other tools so that nothing in it is passed over: of every value somebody says
// what became of it, and what nobody spoke of is in the report, too.
package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/ferryfn/ferry/internal/regular"
)

// The bounds that keep a hostile file cheap. A serverless.yml of a thousand functions is under all of them.
const (
	MaxBytes = 8 << 20
	maxDepth = 100
	maxNodes = 500_000  // with aliases expanded
	maxText  = 64 << 20 // of all values and of their paths, with aliases expanded
)

// An Error is a file that cannot be read, with its place in it where that is known.
type Error struct {
	File    string
	Line    int // from 1; 0 is the file as a whole
	Message string
	Hint    string
	missing bool
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	}
	return e.File + ": " + e.Message
}

// Missing is whether a file could not be read because there is none.
func Missing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.missing
}

// Below reads a file below a folder, which it does not leave by a link either. A failure is an *Error.
func Below(dir, name string) (*Node, error) {
	inside, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err == nil {
		root, rootErr := filepath.EvalSymlinks(dir)
		if rel, relErr := filepath.Rel(root, inside); rootErr != nil || relErr != nil || !filepath.IsLocal(rel) {
			return nil, &Error{File: name, Message: "it lies outside the service's folder", Hint: "copy it into the folder"}
		}
	}
	return Read(filepath.Join(dir, name))
}

// IsFile is whether a plain file has that name below a folder. A name that leads out of the folder is none.
func IsFile(dir, name string) bool {
	name = filepath.FromSlash(name)
	if !filepath.IsLocal(name) {
		return false
	}
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}

// Files tells which plain files are below a folder. It looks at each once.
type Files struct {
	Dir  string
	seen map[string]bool
}

// In are the files below a folder.
func In(dir string) *Files { return &Files{Dir: dir, seen: map[string]bool{}} }

// Has is whether IsFile is.
func (f *Files) Has(name string) bool {
	is, known := f.seen[name]
	if !known {
		is = IsFile(f.Dir, name)
		f.seen[name] = is
	}
	return is
}

// Read reads a file of YAML or JSON. A failure is an *Error.
func Read(file string) (*Node, error) {
	f, err := regular.Open(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &Error{File: file, Message: "it does not exist", Hint: "check the name", missing: true}
	case err != nil:
		return nil, &Error{File: file, Message: "it cannot be read: " + cause(err), Hint: "name a plain file that you may read"}
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, &Error{File: file, Message: "it cannot be read: " + cause(err), Hint: "check the disk, then run it again"}
	}
	return Parse(file, data)
}

// cause drops the operation and path that os puts before an error.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Parse reads one document of YAML or JSON; name is what errors call it. A failure is an *Error.
func Parse(name string, data []byte) (*Node, error) {
	fail := func(hint, message string) (*Node, error) {
		return nil, &Error{File: name, Message: message, Hint: hint}
	}
	switch {
	case len(data) > MaxBytes:
		return fail("import its parts one by one", fmt.Sprintf("it is larger than %d MB", MaxBytes>>20))
	case bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data):
		return fail("name a file of YAML or JSON in UTF-8", "it is binary")
	}
	loader, err := yaml.NewLoader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return fail("report it as a fault of ferry", "preparing the reader: "+err.Error())
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return fail("name a file with functions in it", "it is empty")
	case err != nil:
		return nil, syntax(name, err)
	}
	c := copier{name: name}
	root := c.copy(&doc, 0, 0)
	if c.broken != nil {
		return nil, c.broken
	}
	return root, nil
}

// syntax says where a file is no YAML.
func syntax(name string, err error) *Error {
	e := &Error{File: name, Message: "it is not valid YAML: " + Plain(err.Error()), Hint: "mend the line"}
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return e
	}
	e.Line, e.Message = le.Mark.Line, "it is not valid YAML: "+Plain(le.Message)
	if strings.Contains(le.Message, "max depth") {
		e.Message, e.Hint = fmt.Sprintf("it is nested deeper than %d levels", maxDepth), "write it flatter"
	}
	return e
}

// Plain is a text in one line, without anything that a terminal would obey.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// copier makes nodes of YAML's, with its aliases expanded and its merge keys merged.
type copier struct {
	name   string
	nodes  int
	text   int
	within []*yaml.Node // the anchors whose aliases are being expanded
	broken *Error
}

func (c *copier) fail(at *yaml.Node, hint, message string) *Node {
	if c.broken == nil {
		c.broken = &Error{File: c.name, Line: at.Line, Message: message, Hint: hint}
	}
	return &Node{}
}

// copy makes a node of one of YAML's, whose path has that many letters.
func (c *copier) copy(y *yaml.Node, depth, path int) *Node {
	c.nodes++
	c.text += path + len(y.Value)
	if c.nodes > maxNodes || c.text > maxText || depth > 2*maxDepth {
		return c.fail(y, "write its aliases out where they are needed, and long keys shorter", "it grows without bounds when its aliases are followed and its values are named")
	}
	n := &Node{file: c.name, line: y.Line, tag: y.Tag}
	switch y.Kind {
	case yaml.DocumentNode:
		return c.copy(y.Content[0], depth, path)
	case yaml.AliasNode:
		return c.alias(y, depth, path)
	case yaml.ScalarNode:
		n.kind, n.text = Scalar, y.Value
		if y.ShortTag() == "!!null" {
			n.kind, n.text = Null, ""
		}
	case yaml.SequenceNode:
		n.kind = List
		for _, item := range y.Content {
			n.items = append(n.items, c.copy(item, depth+1, path+4))
			if c.broken != nil {
				break
			}
		}
	case yaml.MappingNode:
		n.kind = Map
		c.entries(n, y, depth, path)
	}
	return n
}

func (c *copier) alias(y *yaml.Node, depth, path int) *Node {
	for _, a := range c.within {
		if a == y.Alias {
			return c.fail(y, "take the alias out of what it stands for", "the alias *"+Plain(y.Value)+" contains itself")
		}
	}
	c.within = append(c.within, y.Alias)
	n := c.copy(y.Alias, depth+1, path)
	c.within = c.within[:len(c.within)-1]
	return n
}

// entries fills a map. What is merged gives way to what is written, and of two that are merged the second to the first.
func (c *copier) entries(n *Node, y *yaml.Node, depth, path int) {
	var merged []*Node
	for i := 0; i+1 < len(y.Content) && c.broken == nil; i += 2 {
		key := y.Content[i]
		value := c.copy(y.Content[i+1], depth+1, path+1+len(key.Value))
		if key.ShortTag() != "!!merge" && key.Value != "<<" {
			if n.Get(key.Value) != nil {
				c.fail(key, "remove one of them", fmt.Sprintf("the key %q is there twice", Plain(key.Value)))
				return
			}
			n.put(key.Value, value)
			continue
		}
		if value.kind == List {
			merged = append(merged, value.items...)
		} else {
			merged = append(merged, value)
		}
	}
	for _, m := range merged {
		for _, e := range m.entries {
			if n.Get(e.Key) == nil {
				n.put(e.Key, e.Value)
			}
		}
	}
}
