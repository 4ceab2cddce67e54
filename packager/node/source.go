package node

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/packager/source"
)

// This file makes packages for clouds that install by themselves (Platform.Source): what is installed there goes in as
// a list with exact versions.

// listed names what stays out of the bundle in the package.json, for the cloud to install.
func (b *bundle) listed(m *modules, here string) error {
	b.job.listed = map[string]string{}
	for _, name := range b.job.external() {
		name = PackageName(name)
		if strings.Contains(name, "*") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "node:") {
			continue
		}
		mod, err := m.find(name, here)
		if err != nil {
			return err
		}
		if mod == nil {
			return m.uninstalled(name, here)
		}
		b.job.list(name, mod)
	}
	for _, name := range slices.Sorted(maps.Keys(b.external)) {
		mod, err := m.load(b.external[name].dir)
		if err != nil {
			return err
		}
		b.job.list(name, mod)
	}
	return nil
}

func (j *job) list(name string, mod *module) {
	j.listed[name] = mod.Version
	j.made.Add("npm", mod.Name, mod.Version)
}

// sources gives a Node package a package.json that names its entry and what is to be installed.
func (j *job) sources(files []source.File, entry string) ([]source.File, error) {
	fields := map[string]any{"private": true, "dependencies": j.listed}
	if i := slices.IndexFunc(files, func(f source.File) bool { return f.Name == "package.json" }); i >= 0 && j.listed == nil {
		data, err := j.In.Read(files[i].Path)
		if err != nil {
			return nil, err
		}
		fields = map[string]any{}
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, source.Problem(files[i].Path, "correct it", "package.json cannot be read: %v", err)
		}
	}
	fields["main"] = entry
	data, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name == "package.json" && f.Path != "" {
			if err := j.In.File(f.Path); err != nil {
				return nil, err
			}
		}
	}
	files = slices.DeleteFunc(slices.Clone(files), func(f source.File) bool { return f.Name == "package.json" })
	return append(files, source.Generated("package.json", append(data, '\n'))), nil
}
