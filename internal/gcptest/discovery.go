package gcptest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// document is a discovery document: how Google itself describes an API. They lie beside the clients that Google makes
// from them, in the module google.golang.org/api.
type document struct {
	Name        string               `json:"name"`
	Version     string               `json:"version"`
	Title       string               `json:"title"`
	ServicePath string               `json:"servicePath"`
	Parameters  map[string]*schema   `json:"parameters"`
	Schemas     map[string]*schema   `json:"schemas"`
	Methods     map[string]*method   `json:"methods"`
	Resources   map[string]*resource `json:"resources"`

	all []*method
}

type resource struct {
	Methods   map[string]*method   `json:"methods"`
	Resources map[string]*resource `json:"resources"`
}

type method struct {
	ID          string             `json:"id"`
	Path        string             `json:"path"`
	HTTPMethod  string             `json:"httpMethod"`
	Parameters  map[string]*schema `json:"parameters"`
	Request     *reference         `json:"request"`
	MediaUpload *struct {
		Protocols map[string]struct {
			Path string `json:"path"`
		} `json:"protocols"`
	} `json:"mediaUpload"`

	document *document
	routes   []route
}

// route is an address of a method.
type route struct {
	pattern *regexp.Regexp
	names   []string // of the pattern's groups
	literal int      // how much of it is no parameter: the more, the more it is meant
	upload  string   // "simple", "resumable", or "" where no media comes
}

type reference struct {
	Ref string `json:"$ref"`
}

// schema is what a value, a field or a parameter may be.
type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Enum                 []string           `json:"enum"`
	Properties           map[string]*schema `json:"properties"`
	AdditionalProperties *schema            `json:"additionalProperties"`
	Items                *schema            `json:"items"`
	ReadOnly             bool               `json:"readOnly"`
	Location             string             `json:"location"`
	Pattern              string             `json:"pattern"`
	Repeated             bool               `json:"repeated"`
	Required             bool               `json:"required"`
}

// documents keeps what was read of a document ("run/v2"): they are the same in all tests.
var documents sync.Map

// discover reads a document, once.
func discover(name string) (*document, error) {
	once, _ := documents.LoadOrStore(name, sync.OnceValues(func() (*document, error) { return load(name) }))
	read, _ := once.(func() (*document, error))
	return read()
}

// library is the folder of Google's clients.
var library = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		return "", fmt.Errorf("looking for Google's discovery documents: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

func load(name string) (*document, error) {
	dir, err := library()
	if err != nil {
		return nil, err
	}
	api, _, _ := strings.Cut(name, "/")
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name), api+"-api.json"))
	if err != nil {
		return nil, err
	}
	d := &document{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.collect(d.Methods, d.Resources)
	return d, nil
}

func (d *document) collect(methods map[string]*method, resources map[string]*resource) {
	for _, m := range methods {
		m.document = d
		m.routes = append(m.routes, m.compile("/"+d.ServicePath+m.Path, ""))
		if m.MediaUpload != nil {
			for protocol, at := range m.MediaUpload.Protocols {
				m.routes = append(m.routes, m.compile(at.Path, protocol))
			}
		}
		d.all = append(d.all, m)
	}
	for _, r := range resources {
		d.collect(r.Methods, r.Resources)
	}
}

var variable = regexp.MustCompile(`\{\+?([^}]+)\}`)

func (m *method) compile(template, upload string) route {
	r := route{upload: upload}
	var b strings.Builder
	at := 0
	literal := func(text string) {
		r.literal += len(text)
		b.WriteString(regexp.QuoteMeta(text))
	}
	for _, found := range variable.FindAllStringSubmatchIndex(template, -1) {
		literal(template[at:found[0]])
		at = found[1]
		name := template[found[2]:found[3]]
		pattern := `[^/]+`
		if p := m.Parameters[name]; p != nil && p.Pattern != "" {
			pattern = strings.TrimSuffix(strings.TrimPrefix(p.Pattern, "^"), "$")
			r.literal += len(pattern)
		}
		b.WriteString("(" + pattern + ")")
		r.names = append(r.names, name)
	}
	literal(template[at:])
	r.pattern = regexp.MustCompile("^" + b.String() + "$")
	return r
}

// match finds the method that an address is meant for, with the parameters in it.
func (d *document) match(verb, path string) (*method, map[string]string, route) {
	var best *method
	var vars map[string]string
	var by route
	for _, m := range d.all {
		if m.HTTPMethod != verb && (verb != "PUT" && verb != "POST" || m.MediaUpload == nil) {
			continue
		}
		for _, r := range m.routes {
			found := r.pattern.FindStringSubmatch(path)
			if found == nil || best != nil && r.literal <= by.literal || r.upload == "" && m.HTTPMethod != verb {
				continue
			}
			best, by, vars = m, r, map[string]string{}
			for i, name := range r.names {
				value, err := url.PathUnescape(found[i+1])
				if err != nil {
					value = found[i+1]
				}
				vars[name] = value
			}
		}
	}
	return best, vars, by
}

// resolve follows a reference.
func (d *document) resolve(s *schema) *schema {
	if s != nil && s.Ref != "" {
		return d.Schemas[s.Ref]
	}
	return s
}
