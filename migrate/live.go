package migrate

import (
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// Original is a function as its provider has it, in the form of one of the provider's own tools.
type Original struct {
	Name        string // as the user wrote it, such as aws:hello
	Description []byte
	// Target is the target that the function is at, and Settings are those of the target's that the user chose.
	Target   string
	Settings map[string]string
}

// ImportLive makes a manifest of a function that is live, whose code lies in a folder. Nothing is written. A failure is a
// *foreign.Error.
func ImportLive(o Original, dir, schema string) (Imported, error) {
	root, err := foreign.Parse(o.Name, o.Description)
	if err != nil {
		return Imported{}, err
	}
	made, m, err := interpret(root, filepath.Join(dir, "function"), "")
	if err != nil {
		return Imported{}, err
	}
	made.File, made.Format = o.Name, "live function"
	for i := range m.Targets {
		if m.Targets[i].Name != o.Target {
			continue
		}
		for key, value := range o.Settings {
			m.Targets[i].Settings.Set(key, value)
		}
	}
	return made.written(m, schema)
}

// Folder is a name for the folder of a function, by what its provider calls it: the last part of a full name, without an alias.
func Folder(name string) string {
	if parts := strings.SplitN(name, ":", 7); len(parts) == 7 && parts[0] == "arn" {
		name = parts[6]
	}
	name, _, _ = strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	if folder := draft.Name(name); folder != "" {
		return folder
	}
	return "function"
}
