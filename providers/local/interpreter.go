package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// interpreter is a program that runs functions; the zero value is none.
type interpreter struct {
	// Path is of the program itself, where the one on PATH is a wrapper of a version manager or in an environment.
	Path    string `json:"path"`
	Version string `json:"version"`
}

// is reports whether this is the version that a runtime asks for.
func (i interpreter) is(r manifest.Runtime) bool {
	return i.Version == r.Version() || strings.HasPrefix(i.Version, r.Version()+".")
}

// language says how an interpreter is found.
type language struct {
	names   func(version string) []string // the best first
	ask     []string                      // arguments that make it print its own path and its version
	pinned  string                        // the variable with which a version manager chooses
	release int                           // how many numbers of a version name a runtime
}

func languageOf(r manifest.Runtime) (language, bool) {
	switch r.Language() {
	case "nodejs":
		return language{
			names:   func(v string) []string { return []string{"node" + v, "node-" + v, "node"} },
			ask:     []string{"-p", "process.execPath+'\\n'+process.versions.node"},
			pinned:  "NODENV_VERSION",
			release: 1,
		}, true
	case "python":
		return language{
			names:   func(v string) []string { return []string{"python" + v, "python3", "python"} },
			ask:     []string{"-ISc", "import sys; print(getattr(sys, '_base_executable', sys.executable)); print('%d.%d.%d' % sys.version_info[:3])"},
			pinned:  "PYENV_VERSION",
			release: 2,
		}, true
	}
	return language{}, false
}

func interpreted(r manifest.Runtime) bool {
	_, ok := languageOf(r)
	return ok
}

// interpreters finds the interpreters of this machine, each once. What it found is kept on the disk, so that
// a plan starts none.
type interpreters struct {
	cache string
	env   func(string) (string, bool)

	mu    sync.Mutex
	found map[manifest.Runtime]interpreter
}

func newInterpreters(c providers.Config) *interpreters {
	env := c.Env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return &interpreters{
		cache: filepath.Join(c.Home.Cache, "interpreters.json"), env: env,
		found: map[manifest.Runtime]interpreter{},
	}
}

// runtime is the runtime that a function really gets.
func (s *interpreters) runtime(r manifest.Runtime) manifest.Runtime {
	l, ok := languageOf(r)
	found := s.find(r)
	if !ok || found.Path == "" {
		return r
	}
	numbers := strings.SplitN(found.Version, ".", l.release+1)
	return manifest.Runtime(r.Language() + strings.Join(numbers[:min(l.release, len(numbers))], "."))
}

// find returns the interpreter of the version that the runtime asks for, else any, else none.
func (s *interpreters) find(r manifest.Runtime) interpreter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.found[r]; ok {
		return i
	}
	i := s.search(r)
	s.found[r] = i
	return i
}

func (s *interpreters) search(r manifest.Runtime) interpreter {
	var first interpreter
	l, ok := languageOf(r)
	if !ok {
		return first
	}
	for _, name := range l.names(r.Version()) {
		for _, program := range s.programs(name) {
			i := s.known(program, l)
			if i.Path != "" && i.is(r) {
				return i
			}
			if first.Path == "" {
				first = i
			}
		}
	}
	return first
}

// programs are the executables of a name on PATH.
func (s *interpreters) programs(name string) []string {
	path, _ := s.env("PATH")
	var list []string
	for _, dir := range filepath.SplitList(path) {
		program := filepath.Join(dir, name)
		if runtime.GOOS == "windows" {
			program += ".exe"
		}
		info, err := os.Stat(program)
		if filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows") {
			list = append(list, program)
		}
	}
	return list
}

// known asks a program who it is, unless that was asked before and nothing changed since.
func (s *interpreters) known(program string, l language) interpreter {
	remembered := map[string]interpreter{}
	if data, err := os.ReadFile(s.cache); err == nil && json.Unmarshal(data, &remembered) != nil {
		remembered = map[string]interpreter{} // it is asked again
	}
	choice, _ := s.env(l.pinned)
	key := strings.Join([]string{stamp(program), choice, l.ask[len(l.ask)-1]}, " ")
	if i, ok := remembered[key]; ok {
		if _, err := os.Stat(i.Path); err == nil {
			return i
		}
	}
	i := query(program, l.ask)
	if i.Path == "" {
		return i // it may be mended without changing
	}
	remembered[key] = i
	if data, err := json.Marshal(remembered); err == nil {
		_ = platform.WriteFile(s.cache, data) // without a cache it is asked again
	}
	return i
}

// stamp changes when the program does.
func stamp(program string) string {
	info, err := os.Stat(program)
	if err != nil {
		return program
	}
	return fmt.Sprintf("%s %d %d", program, info.Size(), info.ModTime().UnixNano())
}

func query(program string, args []string) interpreter {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	lines := strings.Split(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n")
	if err != nil || len(lines) < 2 || !filepath.IsAbs(lines[0]) {
		return interpreter{}
	}
	return interpreter{Path: lines[0], Version: lines[1]}
}

// missing is the failure of a function that nothing on this machine runs.
func missing(fn string, r manifest.Runtime) error {
	return &providers.Error{
		Kind: providers.Invalid, Op: "start", Provider: name, Function: fn, Hint: howToGet(r.Language()), Err: errors.New(notHere(r)),
	}
}

func notHere(r manifest.Runtime) string {
	return fmt.Sprintf("%s is not installed on this machine, and neither is any other version", r)
}

func howToGet(language string) string {
	if language == "nodejs" {
		return "install Node.js from https://nodejs.org and put node on PATH"
	}
	return "install Python from https://www.python.org (or run `uv python install --default`) and put python3 on PATH"
}
