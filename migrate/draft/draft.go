// Package draft is a manifest that is being written by an import.
package draft

import (
	"slices"
	"strconv"
	"strings"
)

// Manifest is ferry.yaml as far as imports write it. Fields have the manifest's own names and forms.
type Manifest struct {
	Service   string
	Defaults  Function
	Functions []Named
	Targets   []Target
	// named are the names that Unique gave, each with the last number that was put behind it.
	named map[string]int
	// Notes are what whoever deploys has to do or to know, in the order in which it matters.
	Notes []string
	// Absent is why there is no function, "" where the report says it.
	Absent string
	// Files are sources that stood in what was imported.
	Files []File
}

// File is a source, by its path below the manifest.
type File struct {
	Name string
	Text string
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
	Source       string
	Runtime      string
	Handler      string
	Style        string
	Payload      string
	Architecture string
	Memory       string
	Timeout      string
	Events       []Event
	Env          map[string]string
	Secrets      map[string]string
	Scaling      *Scaling
	Health       *Health
	Build        *Build
	// Blocks are the settings of one provider alone, by its name.
	Blocks map[string]*Settings
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
	Min         int
	Max         int
	Concurrency int
}

// Health is a check of the user's own.
type Health struct {
	Path string
}

// Build says how the package is made.
type Build struct {
	External []string
	Include  []string
	Exclude  []string
	Bundle   *bool
}

// Event is one thing that calls the function.
type Event struct {
	HTTP     *HTTP
	Schedule *Schedule
	Queue    *Queue
	Topic    *Topic
	Object   *Object
}

// HTTP makes the function answer requests.
type HTTP struct {
	Path    string
	Methods []string
	Auth    string
	CORS    *CORS
}

// CORS is a cross-origin policy.
type CORS struct {
	Origins     []string
	Methods     []string
	Headers     []string
	MaxAge      string
	Credentials bool
}

// Schedule calls the function at times.
type Schedule struct {
	Cron     string
	Timezone string
}

// Queue calls the function for messages of a queue.
type Queue struct {
	Name  string
	Batch int
}

// Topic calls the function for messages of a topic.
type Topic struct {
	Name string
}

// Object calls the function when objects come or go.
type Object struct {
	Bucket string
	On     []string
	Prefix string
	Suffix string
}

// Map is the block as a map.
func (s Settings) Map() map[string]any {
	made := map[string]any{}
	for _, x := range s {
		made[x.Key] = x.Value
	}
	return made
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

// Unique is a name that it has not given before: the name, or the name with a number.
func (m *Manifest) Unique(name string) string {
	if name == "" {
		name = "function"
	}
	if m.named == nil {
		m.named = map[string]int{}
	}
	made := name
	for m.named[made] > 0 {
		m.named[name]++
		suffix := "-" + strconv.Itoa(m.named[name])
		made = name[:min(len(name), 32-len(suffix))] + suffix
	}
	m.named[made]++
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
