package python

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// fits says why what was built into a folder does not run on the platform, nil when it does.
func (b *building) fits(dir string) *source.Error {
	infos, err := filepath.Glob(filepath.Join(dir, "*.dist-info"))
	if err != nil {
		return nil
	}
	for _, info := range infos {
		data, err := os.ReadFile(filepath.Join(info, "WHEEL"))
		if err != nil {
			continue
		}
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
		name = normal(name)
		tags := wheelTag().FindAllStringSubmatch(string(data), -1)
		if len(tags) == 0 || slices.ContainsFunc(tags, func(m []string) bool { return m[2] == "none" && m[3] == "any" }) {
			continue
		}
		why := ""
		switch {
		case !b.Platform.IsHost():
			why = "what is built of it on this machine holds programs for this machine only"
		case !slices.ContainsFunc(tags, b.ofVersion):
			why = "what is built of it here is for the Python that builds it, of another version (" + tags[0][1] + ")"
		case b.Platform.Shim != "local":
			why = b.foreign(dir)
		}
		if why != "" {
			return source.Problem(b.of.file,
				"choose a version of "+name+" that has a wheel, or build one where it is to run and name its file in requirements.txt",
				"%s %s has no wheel for %s, and %s", name, version, b.where(), why)
		}
	}
	return nil
}

var wheelTag = pattern.Of(`(?m)^Tag:\s*([^-\s]+)-([^-\s]+)-(\S+)`)

// ofVersion is whether a tag is of the function's version of Python.
func (b *building) ofVersion(tag []string) bool {
	version := "cp" + strings.ReplaceAll(b.version(), ".", "")
	return tag[1] == version || tag[2] == "abi3" || strings.HasPrefix(tag[1], "py")
}

// where is what a package is installed for.
func (j *job) where() string {
	if j.Platform.Glibc > 0 {
		return fmt.Sprintf("Python %s on %s/%s with glibc 2.%d", j.version(), j.Platform.OS, j.Platform.Arch, j.Platform.Glibc)
	}
	return fmt.Sprintf("Python %s on %s/%s", j.version(), j.Platform.OS, j.Platform.Arch)
}

// everywhere are the libraries that programs of wheels may rely on.
var everywhere = pattern.Of(`^(lib(c|m|dl|rt|pthread|util|resolv|nsl|gcc_s|stdc\+\+|python3[.0-9]*)\.so|ld-linux)`)

// foreign is what the programs in a folder need of this machine that another one may not have, "" for nothing.
func (j *job) foreign(dir string) (why string) {
	own := map[string]bool{}
	var programs []string
	_ = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error { // what cannot be read is not packaged
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), ".so") {
			own[d.Name()] = true
			programs = append(programs, full)
		}
		return err
	})
	for _, full := range programs {
		if why = j.needed(full, own); why != "" {
			return filepath.Base(full) + ", which is built of it here, needs " + why
		}
	}
	return ""
}

var glibcVersion = pattern.Of(`^GLIBC_2\.(\d+)`)

// needed is what a program needs that is neither its own nor everywhere.
func (j *job) needed(path string, own map[string]bool) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	libraries, _ := f.ImportedLibraries() // a program without a table of them needs none
	for _, l := range libraries {
		if !own[l] && !everywhere().MatchString(l) {
			return "the library " + l + ", which clouds do not have"
		}
	}
	symbols, _ := f.ImportedSymbols()
	for _, s := range symbols {
		if m := glibcVersion().FindStringSubmatch(s.Version); m != nil {
			if minor, err := strconv.Atoi(m[1]); err == nil && minor > j.Platform.NewestGlibc() {
				return fmt.Sprintf("a C library of version 2.%d, and there it is 2.%d", minor, j.Platform.NewestGlibc())
			}
		}
	}
	return ""
}
