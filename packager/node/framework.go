package node

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// framework is a package that functions are written for or called through, and the version that ferry brings to a project
// that has none.
type framework struct{ name, version, why string }

// frameworks are those of the function's style and of the host that the shim says it needs.
func (j *job) frameworks() (all []framework, err error) {
	why := "functions of style " + string(j.Function.Style) + " are served with it"
	switch j.Function.Style {
	case manifest.StyleGCFHTTP, manifest.StyleGCFEvent:
		all = append(all, framework{"@google-cloud/functions-framework", "5.0.5", why})
	case manifest.StyleAzure:
		all = append(all, framework{"@azure/functions", "4.16.5", why})
	}
	if text, ok := j.shim.Beside[packageFile]; ok {
		var p packageJSON
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(p.Dependencies)) {
			if !slices.ContainsFunc(all, func(f framework) bool { return f.name == name }) {
				all = append(all, framework{name, p.Dependencies[name], "functions are called through it there"})
			}
		}
	}
	return all, nil
}

// published is a day on which all that the frameworks need was there in the versions that they are brought with.
const published = "2026-11-20"

// frameworks leaves them outside of the bundle: each counts on being loaded once.
func (b *bundle) frameworks() error {
	all, err := b.job.frameworks()
	if err != nil {
		return err
	}
	for _, f := range all {
		mod, err := b.modules.framework(f)
		if err != nil {
			return err
		}
		b.leave(mod.Name, outsider{mod.dir, f.why})
	}
	return nil
}

// framework is the project's own one, or that which ferry brings.
func (m *modules) framework(f framework) (*module, error) {
	here, err := filepath.EvalSymlinks(m.job.Dir)
	if err != nil {
		return nil, source.ReadProblem(m.job.Dir, "the source folder", err)
	}
	if mod, err := m.find(f.name, here); mod != nil || err != nil {
		return mod, err
	}
	dir, err := m.bring(map[string]string{f.name: f.version})
	if err != nil {
		return nil, err
	}
	return m.load(filepath.Join(dir, "node_modules", filepath.FromSlash(f.name)))
}

// included is what goes into the package beside a bundle: what the manifest names, and what Azure's host would read.
func (j *job) included(ctx context.Context) ([]source.File, error) {
	of := *j.Job
	if j.Function.Style == manifest.StyleAzure {
		there, err := source.IsFile(filepath.Join(j.Dir, "host.json"))
		if err != nil {
			return nil, err
		}
		if err := j.In.Folder(j.Dir); err != nil { // one that comes later changes the package
			return nil, err
		}
		if there {
			of.Function.Build.Include = append(slices.Clone(of.Function.Build.Include), "/host.json")
		}
	}
	return of.Included(ctx)
}

// bring has npm install packages that the project does not have, and returns the folder.
func (m *modules) bring(versions map[string]string) (string, error) {
	manifest, err := json.Marshal(map[string]any{"private": true, "dependencies": versions})
	if err != nil {
		return "", err
	}
	of := []any{"brought", m.job.engineVersion(), published, string(manifest)}
	return m.job.Install(m.ctx, source.Installation{Kind: "node", Of: of}, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
			return source.WriteProblem(m.job.Cache, err)
		}
		var what []string
		for _, name := range slices.Sorted(maps.Keys(versions)) {
			what = append(what, name+"@"+versions[name])
		}
		return m.npm(m.job.Dir, strings.Join(what, " "), dir, "--before="+published)
	})
}
