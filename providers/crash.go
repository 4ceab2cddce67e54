package providers

import (
	"path"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
)

var (
	// fault is how a shim says what is wrong with the module, and the next step.
	fault          = pattern.Of(`(?m)ferry: [^;\n]*; (.+)$`)
	noNodePackage  = pattern.Of(`Cannot find (?:module|package) '((?:@[^'/]+/)?[^'./][^'/]*)`)
	noPythonModule = pattern.Of(`No module named '([A-Za-z_]\w*)`)
	noFile         = pattern.Of(`(?i)no such file or directory[,:] (?:[a-z]+ )?'([^']+)'`)
	noGoFile       = pattern.Of(`(?m)\b(?:open|stat|lstat) ([^\n:'"]+): no such file or directory|pattern matches no files: .([^\n]+).$`)
)

// CrashHint says what to do about a handler that does not start, by what its log says.
func CrashHint(log string) string {
	if m := fault().FindStringSubmatch(log); m != nil {
		return m[1]
	}
	if m := noNodePackage().FindStringSubmatch(log); m != nil {
		return "install " + m[1] + " as one of `dependencies`; if the code builds the name at run time, add it to build.external as well"
	}
	if m := noPythonModule().FindStringSubmatch(log); m != nil {
		return "put the module " + m[1] + " into the source folder, or add the package that provides it to requirements.txt or pyproject.toml"
	}
	if m := noFile().FindStringSubmatch(log); m != nil {
		return missingFile(m[1])
	}
	if m := noGoFile().FindStringSubmatch(log); m != nil {
		return missingFile(m[1] + m[2])
	}
	return "fix the problem that the log shows"
}

// missingFile says how a file, or what matches a pattern, comes along. A path from the working folder, which is the package, is
// the pattern to add, with all that lies beside it.
func missingFile(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	if path.IsAbs(name) {
		return "if " + path.Base(name) + " is one of your files, add it to build.include; `ferry package --list` shows what is in the package"
	}
	pattern := strings.TrimPrefix(path.Clean(name), "../")
	if dir := path.Dir(pattern); dir != "." {
		pattern = dir + "/**"
	}
	return "if " + name + " is one of your files, take it along with `build: {include: [\"" + pattern + "\"]}`; `ferry package --list` shows what is in the package"
}
