package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// framework is the package that a style is written for, and the version that ferry brings to a project that has none.
func framework(s manifest.Style) (name, version string) {
	switch s {
	case manifest.StyleGCFHTTP, manifest.StyleGCFEvent:
		return "@google-cloud/functions-framework", "5.0.5"
	case manifest.StyleAzure:
		return "@azure/functions", "4.16.5"
	default:
		return "", ""
	}
}

// published is a day on which all that the frameworks need was there in the versions that they are brought with.
const published = "2026-11-20"

// framework leaves the framework of the function's style outside of the bundle: the shim serves with it, and it counts on
// being loaded once.
func (b *bundle) framework() error {
	mod, err := b.modules.framework()
	if mod != nil {
		b.leave(mod.Name, outsider{mod.dir, "functions of style " + string(b.job.Function.Style) + " are served with it"})
	}
	return err
}

// framework is the framework of the function's style, the project's own or the one that ferry brings, nil where it has none.
func (m *modules) framework() (*module, error) {
	name, version := framework(m.job.Function.Style)
	if name == "" {
		return nil, nil
	}
	here, err := filepath.EvalSymlinks(m.job.Dir)
	if err != nil {
		return nil, source.ReadProblem(m.job.Dir, "the source folder", err)
	}
	if mod, err := m.find(name, here); mod != nil || err != nil {
		return mod, err
	}
	dir, err := m.bring(name, version)
	if err != nil {
		return nil, err
	}
	return m.load(filepath.Join(dir, "node_modules", filepath.FromSlash(name)))
}

// included is what goes into the package beside a bundle: what the manifest names, and what Azure's host would read.
func (j *job) included(ctx context.Context) ([]source.File, error) {
	of := *j.Job
	if j.Function.Style == manifest.StyleAzure {
		there, err := source.IsFile(filepath.Join(j.Dir, "host.json"))
		if err != nil {
			return nil, err
		}
		if _, err := j.In.Dir(j.Dir); err != nil { // one that comes later changes the package
			return nil, err
		}
		if there {
			of.Function.Build.Include = append(slices.Clone(of.Function.Build.Include), "/host.json")
		}
	}
	return of.Included(ctx)
}

// bring has npm install a package that the project does not have, and returns the folder.
func (m *modules) bring(name, version string) (string, error) {
	manifest, err := json.Marshal(map[string]any{"private": true, "dependencies": map[string]string{name: version}})
	if err != nil {
		return "", err
	}
	of := []any{"brought", m.job.engineVersion(), published, string(manifest)}
	return m.job.Install(m.ctx, source.Installation{Kind: "node", Of: of}, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
			return source.WriteProblem(m.job.Cache, err)
		}
		return m.npm(&module{packageJSON: packageJSON{Name: name, Version: version}, dir: m.job.Dir}, dir, "--before="+published)
	})
}
