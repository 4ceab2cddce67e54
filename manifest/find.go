package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the manifest's usual name.
const FileName = "ferry.yaml"

// find returns the absolute path of the manifest that the options mean. Without a name it goes up to the root
// of the repository, or of the file system.
func find(o Options) (string, *Problem) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return "", &Problem{Message: fmt.Sprintf("finding the working directory: %v", err), Hint: "name the folder with --dir"}
	}
	if o.File != "" {
		if filepath.IsAbs(o.File) {
			return filepath.Clean(o.File), nil
		}
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
		if exists(at, ".git") || at == filepath.Dir(at) {
			break
		}
	}
	p := &Problem{
		Position: Position{File: filepath.Join(dir, FileName)},
		Message:  "there is no manifest here or in a folder above", Hint: "run ferry init to make one, or choose a folder with --dir",
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir():
		p.Message, p.Hint = fmt.Sprintf("the folder %s does not exist", dir), "choose another one with --dir"
	case err != nil:
		p.Message, p.Hint = fmt.Sprintf("the folder %s cannot be looked into: %v", dir, err), "choose another one with --dir"
	}
	return "", p
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
