// Package draft is a manifest that is being written by an import.
package draft

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Manifest is ferry.yaml as far as imports write it. Fields have the manifest's own names and forms.
type Manifest struct {
	Service   string
	Defaults  Function
	Functions []Named
	Targets   []Target
	// Notes are what whoever deploys has to do or to know, in the order in which it matters.
	Notes []string
}

// Named is a function with its name.
type Named struct {
	Name string
	Function
}

// Target is a place to deploy to.
type Target struct {
	Name     string
	Settings Settings
}

// Settings are the keys of a block, in the order in which they are written.
type Settings []Setting

// Setting is a key with its value: a string, a number, a bool, a list or a map of those.
type Setting struct {
	Key   string
	Value any
}

// Set gives a key its value, instead of the one that it has.
func (s *Settings) Set(key string, value any) {
	at := slices.IndexFunc(*s, func(x Setting) bool { return x.Key == key })
	if at < 0 {
		*s = append(*s, Setting{key, value})
		return
	}
	(*s)[at].Value = value
}

// Get is the value of a key, nil when it has none.
func (s Settings) Get(key string) any {
	for _, x := range s {
		if x.Key == key {
			return x.Value
		}
	}
	return nil
}

// Function is one function, or what is the default of all.
type Function struct {
	Source       string            `yaml:"source,omitempty"`
	Runtime      string            `yaml:"runtime,omitempty"`
	Handler      string            `yaml:"handler,omitempty"`
	Style        string            `yaml:"style,omitempty"`
	Payload      string            `yaml:"payload,omitempty"`
	Architecture string            `yaml:"architecture,omitempty"`
	Memory       string            `yaml:"memory,omitempty"`
	Timeout      string            `yaml:"timeout,omitempty"`
	Events       []Event           `yaml:"events,omitempty"`
	Env          map[string]string `yaml:"env,omitempty"`
	Secrets      map[string]string `yaml:"secrets,omitempty"`
	Scaling      *Scaling          `yaml:"scaling,omitempty"`
	Health       *Health           `yaml:"health,omitempty"`
	Build        *Build            `yaml:"build,omitempty"`
	// Blocks are the settings of one provider alone, by its name.
	Blocks map[string]*Settings `yaml:"-"`
}

// Block is the function's block of a provider.
func (f *Function) Block(provider string) *Settings {
	if f.Blocks == nil {
		f.Blocks = map[string]*Settings{}
	}
	if f.Blocks[provider] == nil {
		f.Blocks[provider] = &Settings{}
	}
	return f.Blocks[provider]
}

// Scaling bounds the instances; 0 leaves a bound to the target.
type Scaling struct {
	Min         int `yaml:"min,omitempty"`
	Max         int `yaml:"max,omitempty"`
	Concurrency int `yaml:"concurrency,omitempty"`
}

// Health is a check of the user's own.
type Health struct {
	Path string `yaml:"path"`
}

// Build says how the package is made.
type Build struct {
	External []string `yaml:"external,omitempty"`
	Include  []string `yaml:"include,omitempty"`
	Exclude  []string `yaml:"exclude,omitempty"`
	Bundle   *bool    `yaml:"bundle,omitempty"`
}

// Event is one thing that calls the function.
type Event struct {
	HTTP     *HTTP     `yaml:"http,omitempty"`
	Schedule *Schedule `yaml:"schedule,omitempty"`
	Queue    *Queue    `yaml:"queue,omitempty"`
	Topic    *Topic    `yaml:"topic,omitempty"`
	Object   *Object   `yaml:"object,omitempty"`
}

// HTTP makes the function answer requests.
type HTTP struct {
	Path    string   `yaml:"path,omitempty"`
	Methods []string `yaml:"methods,omitempty,flow"`
	Auth    string   `yaml:"auth,omitempty"`
	CORS    *CORS    `yaml:"cors,omitempty"`
}

// CORS is a cross-origin policy.
type CORS struct {
	Origins     []string `yaml:"origins,omitempty,flow"`
	Methods     []string `yaml:"methods,omitempty,flow"`
	Headers     []string `yaml:"headers,omitempty,flow"`
	MaxAge      string   `yaml:"max_age,omitempty"`
	Credentials bool     `yaml:"credentials,omitempty"`
}

// Schedule calls the function at times.
type Schedule struct {
	Cron     string `yaml:"cron"`
	Timezone string `yaml:"timezone,omitempty"`
}

// Queue calls the function for messages of a queue.
type Queue struct {
	Name  string `yaml:"name"`
	Batch int    `yaml:"batch,omitempty"`
}

// Topic calls the function for messages of a topic.
type Topic struct {
	Name string `yaml:"name"`
}

// Object calls the function when objects come or go.
type Object struct {
	Bucket string   `yaml:"bucket"`
	On     []string `yaml:"on,omitempty,flow"`
	Prefix string   `yaml:"prefix,omitempty"`
	Suffix string   `yaml:"suffix,omitempty"`
}

// Text is the manifest as a file. schema is where editors find its JSON Schema; "" is nowhere.
func (m Manifest) Text(schema string) ([]byte, error) {
	var b bytes.Buffer
	if schema != "" {
		b.WriteString("# yaml-language-server: $schema=" + schema + "\n")
	}
	root := mapping()
	add(root, "service", scalar(m.Service))
	if d := m.Defaults.node(); len(d.Content) > 0 {
		add(root, "defaults", d)
	}
	if err := dump(&b, root); err != nil {
		return nil, err
	}
	if err := m.functions(&b); err != nil {
		return nil, err
	}
	targets := mapping()
	for _, t := range m.Targets {
		n := t.Settings.node()
		n.Style = yaml.FlowStyle
		add(targets, t.Name, n)
	}
	root = mapping()
	add(root, "targets", targets)
	if err := dump(&b, root); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// functions writes the functions some at a time: the library keeps all that one dump has written.
func (m Manifest) functions(to *bytes.Buffer) error {
	const atOnce = 6
	for i := 0; i == 0 || i < len(m.Functions); i += atOnce {
		some := mapping()
		for _, f := range m.Functions[i:min(i+atOnce, len(m.Functions))] {
			add(some, f.Name, f.node())
		}
		root := mapping()
		add(root, "functions", some)
		var b bytes.Buffer
		if err := dump(&b, root); err != nil {
			return err
		}
		text := b.Bytes()
		if i > 0 {
			text = bytes.TrimPrefix(text, []byte("functions:\n"))
		}
		to.Write(text)
	}
	return nil
}

func dump(to *bytes.Buffer, n *yaml.Node) error {
	encoder, err := yaml.NewDumper(to, yaml.WithIndent(2), yaml.WithLineWidth(120))
	if err != nil {
		return err
	}
	if err := encoder.Dump(n); err != nil {
		return err
	}
	return encoder.Close()
}

func (f Function) node() *yaml.Node {
	n := encoded(reflect.ValueOf(f))
	f.flowEvents(n)
	var names []string
	for name, s := range f.Blocks {
		if len(*s) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(n, name, f.Blocks[name].node())
	}
	return n
}

// flowEvents writes each event on a line of its own, but for those with a cross-origin policy, which are long.
func (f Function) flowEvents(function *yaml.Node) {
	for i := 0; i+1 < len(function.Content); i += 2 {
		switch function.Content[i].Value {
		case "events":
			for j, item := range function.Content[i+1].Content {
				if h := f.Events[j].HTTP; h == nil || h.CORS == nil {
					item.Style = yaml.FlowStyle
				}
			}
		case "scaling":
			function.Content[i+1].Style = yaml.FlowStyle
		}
	}
}

// Map is the block as a map.
func (s Settings) Map() map[string]any {
	made := map[string]any{}
	for _, x := range s {
		made[x.Key] = x.Value
	}
	return made
}

func (s Settings) node() *yaml.Node {
	n := mapping()
	for _, x := range s {
		add(n, x.Key, encoded(reflect.ValueOf(x.Value)))
	}
	return n
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func add(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, scalar(key), value)
}

// scalar is a text. The library's own Encode decides the same, at the price of a writer of its own for each.
func scalar(text string) *yaml.Node {
	if marked(text) {
		var n yaml.Node
		_ = n.Encode(text) // a string is always encoded
		return &n
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// marked is whether a text is written in a way of its own: what has lines, is no text, or could be read as something else.
func marked(text string) bool {
	switch strings.ToLower(text) {
	case "", "<<", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	if unit := strings.TrimLeft(text, "0123456789"); unit == "s" || unit == "MB" {
		return false
	}
	return strings.ContainsRune("+-.0123456789", rune(text[0])) || strings.Contains(text, "\n") || !utf8.ValidString(text)
}

// Name makes a name of a function or service of another one: lower-case words with dashes, a letter first, at most 32 long.
// It is "" where nothing is left.
func Name(text string) string {
	var b strings.Builder
	dash, lower := false, false
	for _, r := range text {
		switch {
		case r >= 'A' && r <= 'Z':
			if lower {
				dash = true
			}
			r += 'a' - 'A'
			lower = false
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			lower = true
		default:
			dash, lower = true, false
			continue
		}
		if b.Len() == 0 && (r < 'a' || r > 'z') {
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}
		dash = false
		b.WriteRune(r)
	}
	name := b.String()
	if len(name) > 32 {
		name = name[:32]
	}
	return strings.TrimRight(name, "-")
}

// Unique is a name that none of the functions has: the name, or the name with a number.
func (m Manifest) Unique(name string) string {
	if name == "" {
		name = "function"
	}
	taken := func(n string) bool {
		return slices.ContainsFunc(m.Functions, func(f Named) bool { return f.Name == n })
	}
	made := name
	for i := 2; taken(made); i++ {
		suffix := "-" + strconv.Itoa(i)
		made = name[:min(len(name), 32-len(suffix))] + suffix
	}
	return made
}

// Unshared notes that a function is private because its file does not say who may call it.
func (m *Manifest) Unshared(name string) {
	m.Notes = append(m.Notes, name+" is private: who may call it stands in its IAM policy, not here. Where everybody may, remove auth: private")
}

// Apart notes that functions which answered at one address have addresses of their own.
func (m *Manifest) Apart() {
	n := 0
	for _, f := range m.Functions {
		if len(f.Events) > 0 && f.Events[0].HTTP != nil {
			n++
		}
	}
	if n > 1 {
		m.Notes = append(m.Notes, strconv.Itoa(n)+" functions answer HTTP, each at an address of its own: `ferry url` tells it")
	}
}
