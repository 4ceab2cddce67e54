package packager

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ferryfn/ferry/packager/source"
)

// checkNames refuses what does not arrive the same everywhere. The files are sorted by name.
func checkNames(files []source.File) error {
	var bad Errors
	forms := map[string]string{}
	plain := !slices.ContainsFunc(files, func(f source.File) bool { return !ascii(f.Name) })
	for i, f := range files {
		const hint = "rename the file, or leave it out with build.exclude"
		if why := hostile(f.Name); why != "" {
			bad = append(bad, source.Problem(f.Path, hint, "the file name %q %s", f.Name, why))
			continue
		}
		if i > 0 && files[i-1].Name == f.Name {
			bad = append(bad, source.Problem(f.Path, hint, "two files would both be %s in the package", f.Name))
			continue
		}
		if plain { // such names have one form
			continue
		}
		form := norm.NFC.String(f.Name)
		if other, ok := forms[form]; ok {
			bad = append(bad, source.Problem(f.Path, hint, "the file names %+q and %+q look the same and differ in their Unicode form", other, f.Name))
		}
		forms[form] = f.Name
	}
	if len(bad) > 0 {
		return bad.Join()
	}
	return nil
}

// hostile says what is wrong with a name, or nothing.
func hostile(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character"
	case strings.Contains(name, `\`):
		return "holds a backslash"
	case len(name) > 1024:
		return "is longer than 1024 bytes"
	case name == "" || strings.HasPrefix(name, "/"):
		return "is not relative"
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return "is not a plain path"
		}
	}
	return ""
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func sortFiles(files []source.File) {
	slices.SortFunc(files, func(a, b source.File) int { return strings.Compare(a.Name, b.Name) })
}
