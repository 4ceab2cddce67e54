package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// IncludedBy is the pattern of build.include that takes a file or a folder that it is in.
func (j *Job) IncludedBy(name string) (pattern string, ok bool) {
	r, err := newRules(j.Root, j.Dir, j.Function.Build.Exclude, j.Function.Build.Include)
	if err != nil {
		return "", false
	}
	parts := strings.Split(name, "/")
	for i := len(parts); i > 0; i-- {
		if inc := r.included(subject{parts[:i], i < len(parts)}); inc != nil {
			return inc.text, true
		}
	}
	return "", false
}

// LeftOut is why the rules leave out a path from the source folder, "" when they do not.
func (j *Job) LeftOut(name string) (why string, err error) {
	parts := strings.Split(name, "/")
	if parts[0] == ".." {
		return "it is outside the source folder", nil
	}
	r, err := newRules(j.Root, j.Dir, j.Function.Build.Exclude, j.Function.Build.Include)
	if err != nil {
		return "", err
	}
	ignore := r.ignore
	dir := j.Dir
	for i := 1; i <= len(parts); i++ {
		ignore = append(ignore, ignoreFile(dir, append(slices.Clone(r.above), parts[:i-1]...))...)
		dir = filepath.Join(dir, parts[i-1])
		info, err := os.Stat(dir)
		isDir := err == nil && info.IsDir()
		at := subject{parts[:i], isDir}
		part := strings.Join(parts[:i], "/")
		switch {
		case Never(part, isDir):
			return part + " never goes into a package", nil
		case isSaved(dir), isSaved(Stem(dir) + ".json"):
			return "`ferry package` saved it there, and what it saves is never packaged", nil
		case SecretName(part):
			return part + " looks like a secret, which never goes into a package", nil
		case i < len(parts) && parts[i-1] == "node_modules":
			return "of node_modules only what the handler or the production dependencies ask for goes in", nil
		}
		if d := deciding(r.exclude, at); d != nil && !d.negated {
			return fmt.Sprintf("build.exclude: %q leaves %s out", d.text, part), nil
		}
		if d := deciding(ignore, subject{append(slices.Clone(r.above), parts[:i]...), isDir}); d != nil && !d.negated {
			return fmt.Sprintf("%s: %q leaves %s out", d.origin, d.text, part), nil
		}
	}
	if data, err := regular.Read(filepath.Join(j.Dir, filepath.FromSlash(name))); err == nil && doubtful(name) && secretContent(data) {
		return "it holds a secret, which never goes into a package", nil
	}
	return "", nil
}
