package node

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// packageFile tells hosts what to start, and through what.
const packageFile = "package.json"

// beside adds the files that the host of the platform reads. They take the place of the user's: of a package.json what
// decides how its code is read stays.
func (j *job) beside() error {
	for _, name := range slices.Sorted(maps.Keys(j.shim.Beside)) {
		data := j.shim.Beside[name]
		if name == packageFile {
			var err error
			if data, err = j.described(data); err != nil {
				return err
			}
			if err := j.commands(); err != nil {
				return err
			}
		}
		j.made.Files = source.Replaced(j.made.Files, name, data)
	}
	return nil
}

// described is the package.json of the shim with what is installed, and with what the user's says of the source files that
// are packed as they are.
func (j *job) described(data []byte) ([]byte, error) {
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	own := filepath.Join(j.Dir, packageFile)
	if there, err := source.IsFile(own); err != nil {
		return nil, err
	} else if there && j.whole() {
		text, err := j.In.Read(own)
		if err != nil {
			return nil, err
		}
		var given map[string]any
		if err := json.Unmarshal(text, &given); err != nil {
			return nil, source.Problem(own, "correct it", "package.json cannot be read: %v", err)
		}
		for _, name := range []string{"type", "imports", "exports", "name"} {
			if value, ok := given[name]; ok {
				fields[name] = value
			}
		}
	}
	needs := map[string]string{}
	all, err := j.frameworks()
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		needs[f.name] = j.versionOf(f)
	}
	fields["dependencies"] = needs
	text, err := json.MarshalIndent(fields, "", "  ")
	return append(text, '\n'), err
}

// versionOf is the version of a framework that is in the package.
func (j *job) versionOf(f framework) string {
	at := slices.IndexFunc(j.made.Packages, func(p source.Package) bool { return p.Type == "npm" && p.Name == f.name })
	if at < 0 {
		return f.version
	}
	return j.made.Packages[at].Version
}

// commands lays the commands of the frameworks where npm would link them, for a host starts its own by that.
func (j *job) commands() error {
	all, err := j.frameworks()
	if err != nil {
		return err
	}
	for _, f := range all {
		place := path.Join("node_modules", f.name, packageFile)
		at := slices.IndexFunc(j.made.Files, func(file source.File) bool { return file.Name == place })
		if at < 0 {
			continue
		}
		text, err := regular.Read(j.made.Files[at].Path)
		if err != nil {
			return source.ReadProblem(j.made.Files[at].Path, place, err)
		}
		var p struct{ Bin map[string]string }
		if json.Unmarshal(text, &p) != nil {
			continue // it names one command or none
		}
		for _, name := range slices.Sorted(maps.Keys(p.Bin)) {
			code := "#!/usr/bin/env node\nrequire(" + quoted(path.Join("..", f.name, p.Bin[name])) + ");\n"
			command := source.Generated(path.Join("node_modules", ".bin", name), []byte(code))
			j.made.Files = append(j.made.Files, command)
		}
	}
	return nil
}
