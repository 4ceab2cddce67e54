package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// FileName is the manifest's usual name.
const FileName = "ferry.yaml"

// find returns the absolute path of the manifest that the options mean. Without a name it goes up to the root
// of the repository, or of the file system, unless the options say to look in the folder alone.
func find(o Options) (string, *Problem) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return "", &Problem{Message: fmt.Sprintf("finding the working directory: %v", err), Hint: "name the folder with --dir"}
	}
	if filepath.IsAbs(o.File) {
		return filepath.Clean(o.File), nil
	}
	if p := lookInto(dir); p != nil {
		return "", p
	}
	if o.File != "" {
		return filepath.Join(dir, o.File), nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		if exists(at, FileName) {
			return filepath.Join(at, FileName), nil
		}
		if exists(at, "ferry.yml") {
			return "", &Problem{
				Position: Position{File: filepath.Join(at, "ferry.yml")},
				Message:  "the manifest is named ferry.yml", Hint: "rename it to " + FileName,
			}
		}
		if o.Here || exists(at, ".git") || at == filepath.Dir(at) {
			break
		}
	}
	p := &Problem{
		Position: Position{File: filepath.Join(dir, FileName)},
		Message:  "there is no manifest here or in a folder above", Hint: "run ferry init to make one, or choose a folder with --dir",
	}
	if o.Here {
		p.Message = "there is no manifest in this folder"
	}
	if other := foreign(dir); other != "" {
		p.Hint = "run `ferry import .` to make one of " + other + ", or choose a folder with --dir"
	}
	if found := below(dir); len(found) > 0 {
		p.Hint = "there is one in " + strings.Join(found, ", and one in ") + ": choose the folder with --dir"
	}
	return "", p
}

// foreign is the file of another tool that an import would make the manifest of, "" is none.
func foreign(dir string) string {
	for _, name := range []string{"serverless.yml", "serverless.yaml", "template.yaml", "template.yml", "host.json"} {
		if exists(dir, name) {
			return name
		}
	}
	return ""
}

// lookInto says why nothing can be found in a folder.
func lookInto(dir string) *Problem {
	p := &Problem{Position: Position{File: filepath.Join(dir, FileName)}, Hint: "choose another one with --dir"}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		p.Message = fmt.Sprintf("the folder %s does not exist", dir)
	case err != nil:
		p.Message = fmt.Sprintf("the folder %s cannot be read: %v", dir, rootCause(err))
	case !info.IsDir():
		p.Message = fmt.Sprintf("%s is not a folder", dir)
	default:
		return nil
	}
	return p
}

// below lists folders one level down that have a manifest, else two levels down; a few are enough for a hint.
func below(dir string) []string {
	const most = 3
	var found []string
	for _, pattern := range []string{"*/" + FileName, "*/*/" + FileName} {
		files, _ := fs.Glob(os.DirFS(dir), pattern) // the pattern is well formed
		for _, file := range files {
			if at := path.Dir(file); at[0] != '.' && !strings.HasPrefix(at, "node_modules") && len(found) < most {
				found = append(found, at)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
