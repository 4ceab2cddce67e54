package node

import (
	"debug/elf"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// fitness is how a native module fits a platform, the best last.
type fitness int

const (
	elsewhere fitness = iota // it is for another system, CPU or C library
	loadable                 // it is no module of Node's, but something that a module loads
	outdated                 // it is for another version of Node, or for a newer C library
	fits
)

// moduleVersions are the versions of Node's interface for native modules (NODE_MODULE_VERSION), by the version of Node. What keeps
// to Node-API runs on all of them.
var moduleVersions = map[string]int{"16": 93, "18": 108, "20": 115, "22": 127, "24": 137}

// where names the platform with its version of Node.
func (j *job) where() string {
	if j.engineVersion() == "" {
		return j.Platform.Describe()
	}
	return "Node.js " + j.engineVersion() + " on " + j.Platform.Describe()
}

// fitnessOf is how a native module fits the platform. What cannot be read or judged fits.
func (j *job) fitnessOf(path string) fitness {
	f, err := regular.Open(path)
	if err != nil {
		return fits // whoever reads it reports it
	}
	defer f.Close()
	p := j.Platform
	head := make([]byte, 20)
	if _, err := f.ReadAt(head, 0); err != nil {
		return fits
	}
	system, machine := source.Machine(head)
	switch {
	case system == "":
		return fits
	case system != p.OS || machine != p.Arch && (system == "linux" || machine != ""):
		return elsewhere
	case system != "linux":
		return fits
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return fits
	}
	libraries, err := e.ImportedLibraries()
	if err != nil {
		return fits
	}
	musl := slices.ContainsFunc(libraries, func(l string) bool { return l == "libc.so" || strings.HasPrefix(l, "libc.musl") })
	if p.CLibrary() == "musl" != musl && (musl || slices.Contains(libraries, "libc.so.6")) {
		return elsewhere
	}
	return j.suits(e, path)
}

var (
	registers = pattern.Of(`^(?:napi_register_module_v|napi_module_register|node_module_register$|node_register_module_v)(\d*)`)
	needsGlib = pattern.Of(`^GLIBC_2\.(\d+)`)
)

// suits is how a native module for the machine fits the version of Node, and of the C library as far as that is known.
func (j *job) suits(e *elf.File, path string) fitness {
	symbols, err := e.DynamicSymbols()
	if err != nil {
		return fits
	}
	fit, stable, other := loadable, false, false
	want, known := moduleVersions[j.engineVersion()]
	for _, s := range symbols {
		if m := needsGlib().FindStringSubmatch(s.Version); m != nil && s.Section == elf.SHN_UNDEF && j.Platform.Glibc > 0 {
			if minor, err := strconv.Atoi(m[1]); err == nil && minor > j.Platform.Glibc {
				return outdated
			}
		}
		m := registers().FindStringSubmatch(s.Name)
		if m == nil {
			continue
		}
		fit = fits
		made := 0
		switch {
		case strings.HasPrefix(s.Name, "napi"):
			stable = true
		case m[1] != "":
			made, _ = strconv.Atoi(m[1]) // digits
		default: // an older way, which leaves no name with the version
			made = builtFor(path)
		}
		other = other || known && made != 0 && made != want
	}
	if other && !stable {
		return outdated
	}
	return fit
}

// builtFor is the version of the interface that node-gyp noted beside what it built, 0 where there is no note.
func builtFor(path string) int {
	data, err := regular.Read(filepath.Join(filepath.Dir(path), "..", "config.gypi"))
	if err != nil {
		return 0
	}
	_, object, _ := strings.Cut(string(data), "{") // a comment comes first
	var note struct {
		Variables struct {
			Version int `json:"node_module_version"`
		} `json:"variables"`
	}
	if json.Unmarshal([]byte("{"+object), &note) != nil {
		return 0
	}
	return note.Variables.Version
}
