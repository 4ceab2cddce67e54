package node

import (
	"path"
	"strings"
)

// value is a string as far as it is known.
type value struct {
	text   string // of a path that begins at the module: where it leads, absolute
	rooted bool   // it begins at where the module lies, or at the working folder
	cwd    bool   // it begins at the working folder
	open   bool   // it goes on with what is known only when the code runs
	spent  bool   // the code looks at the string itself
}

// callOf is a function that makes a path of others, or nil.
func callOf(name string) func([]value) (value, bool) {
	switch name {
	case "join", "resolve", "normalize":
		return joined
	case "dirname":
		return folderOf
	case "fileURLToPath", "pathToFileURL", "URL", "realpathSync":
		return same
	}
	return nil
}

func same(args []value) (value, bool) {
	if len(args) == 0 {
		return value{}, false
	}
	return args[0], args[0].rooted
}

func folderOf(args []value) (value, bool) {
	v, ok := same(args)
	v.text = path.Dir(strings.TrimSuffix(v.text, "/"))
	return v, ok && !v.open
}

func joined(args []value) (v value, ok bool) {
	for i, a := range args {
		switch {
		case v.open:
		case a.rooted:
			v, ok = a, true
		case !ok && i > 0:
		case a.open || a.spent:
			v.text, v.open = v.text+"/"+a.text, true
		default:
			v.text = path.Join(v.text, a.text)
		}
	}
	return v, ok
}

// against is a URL from another one: what follows the last slash of that one gives way.
func against(args []value) (value, bool) {
	if len(args) == 1 {
		return same(args)
	}
	if len(args) != 2 || !args[1].rooted {
		return value{}, false
	}
	v := args[1]
	to := v.text[:strings.LastIndex(v.text, "/")+1] + args[0].text
	v.text = path.Clean(to)
	if last := path.Base(to); strings.HasSuffix(to, "/") || last == "." || last == ".." { // a folder, which a slash ends
		v.text += "/"
	}
	v.open = v.open || args[0].open || args[0].spent
	return v, true
}
