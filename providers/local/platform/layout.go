package platform

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Home is the folder that a platform lives in: an absolute path. It need not exist.
type Home string

// Scope is one service and stage. Each has its own listener and its own table.
type Scope struct {
	Service string `json:"service"`
	Stage   string `json:"stage"`
}

func (s Scope) String() string { return s.Service + "/" + s.Stage }

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// isName is whether services, stages, functions and revisions may be called so: each is a folder or a file.
func isName(s string) bool { return len(s) <= 128 && names.MatchString(s) }

func (s Scope) check(more ...string) error {
	for _, n := range append([]string{s.Service, s.Stage}, more...) {
		if !isName(n) {
			return &Error{Code: CodeInvalid, Message: "the name " + quote(n) + " cannot be a folder's name"}
		}
	}
	return nil
}

func (h Home) path(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}

func (h Home) own(parts ...string) string {
	return h.path(append([]string{"platform"}, parts...)...)
}

// LogFile is where the platform's process writes what concerns no single function.
func (h Home) LogFile() string { return h.own("platform.log") }

// staging is where revisions are made ready; it is on the file system that they go to.
func (h Home) staging() string { return h.own("staging") }

func (h Home) endpointFile() string { return h.own("endpoint.json") }

func (h Home) scope(s Scope, parts ...string) string {
	return h.path(append([]string{"services", s.Service, s.Stage}, parts...)...)
}

// TableFile says what is live in a service and stage; it is replaced whole, never changed.
func (h Home) TableFile(s Scope) string { return h.scope(s, "table.json") }

func (h Home) revisions(s Scope, function string) string { return h.scope(s, "revisions", function) }

func (h Home) revision(s Scope, function, id string, parts ...string) string {
	return filepath.Join(append([]string{h.revisions(s, function), id}, parts...)...)
}

// Has reports whether anything of a function is kept here.
func (h Home) Has(s Scope, function string) (bool, error) {
	if err := s.check(function); err != nil {
		return false, err
	}
	t, err := h.Table(s)
	if _, listed := t.Functions[function]; listed || err != nil {
		return listed, err
	}
	for _, path := range []string{h.revisions(s, function), h.functionLog(s, function)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
	}
	return false, nil
}

// Functions names all of which anything is kept here, sorted.
func (h Home) Functions(s Scope) ([]string, error) {
	t, err := h.Table(s)
	if err != nil {
		return nil, err
	}
	found := slices.Collect(maps.Keys(t.Functions))
	for _, folder := range []string{"revisions", "logs"} {
		entries, err := os.ReadDir(h.scope(s, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			name, _, _ := strings.Cut(e.Name(), ".log")
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (h Home) functionLog(s Scope, function string) string {
	return h.scope(s, "logs", function+".log")
}
