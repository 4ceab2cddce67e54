package cmd

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/templates"
)

// ciResult is a pipeline's file.
type ciResult struct {
	File string `json:"file"` // where the platform looks for it, from the root of the repository
	Text string `json:"text"`
}

func newCI(a *app, out *outcome) *cobra.Command {
	c := &cobra.Command{
		Use:   "ci",
		Short: "Print a pipeline that plans and deploys the service",
		Long: `Print a pipeline for the chosen target and stage: a proposed change is planned, and deployed when it is in the main branch. Of
credentials it has names alone: docs/ci.md says which to set.`,
		Args: unknownCommand,
		RunE: a.needsSubcommand,
	}
	for _, p := range []struct{ name, title, file string }{
		{"github", "GitHub Actions", ".github/workflows/ferry.yml"},
		{"gitlab", "GitLab CI", ".gitlab-ci.yml"},
	} {
		c.AddCommand(a.command(out, &cobra.Command{
			Use:     p.name,
			Short:   "Print a pipeline for " + p.title + ", to be written into " + p.file,
			Example: "  ferry ci " + p.name + " -t aws -s prod > " + p.file,
			Args:    noArgs(),
		}, func(context.Context, []string) (result, error) { return a.pipeline(p.name, p.file) }))
	}
	return c
}

func (a *app) pipeline(platform, file string) (result, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	m := p.manifest
	if a.provider(m).Host != nil {
		return nil, usagef("name another with --target", "a pipeline deploys to a cloud, and the target %s is on the machine that runs it", m.Target.Name)
	}
	pipeline := templates.Pipeline{Provider: m.Target.Provider, Target: m.Target.Name, Stage: m.Stage, Ferry: "latest"}
	if v := a.version().Version; strings.HasPrefix(v, "v") && !strings.ContainsAny(v, "-+") {
		pipeline.Ferry = v
	}
	if base := filepath.Base(m.File); base != manifest.FileName {
		pipeline.Manifest = base
	}
	dir, err := filepath.EvalSymlinks(m.Dir)
	if err != nil {
		return nil, err
	}
	root := dir
	if folder := inRepository(dir); folder != "" && folder != "." {
		pipeline.Folder = folder
		root = filepath.Join(dir, strings.Repeat("../", strings.Count(folder, "/")+1))
	}
	for _, fn := range m.Functions {
		pipeline.Runtimes = append(pipeline.Runtimes, fn.Runtime)
		if fn.Runtime.Language() != "nodejs" {
			continue
		}
		if i, ok := install(root, filepath.Join(dir, filepath.FromSlash(fn.Source))); ok && !slices.Contains(pipeline.Installs, i) {
			pipeline.Installs = append(pipeline.Installs, i)
		}
	}
	text, err := pipeline.For(platform)
	return ciResult{file, string(text)}, err
}

// install is how the dependencies of a Node function come to it: as the lock file says that is next above its source, else as
// its package.json does. It is false where there is neither up to the root of the repository.
func install(root, source string) (templates.Install, bool) {
	var found templates.Install
	for dir := source; ; dir = filepath.Dir(dir) {
		folder, err := filepath.Rel(root, dir)
		if err != nil || !filepath.IsLocal(folder) {
			return found, found.Command != ""
		}
		for _, by := range [][2]string{
			{"package-lock.json", "npm ci"},
			{"npm-shrinkwrap.json", "npm ci"},
			{"pnpm-lock.yaml", "corepack enable && pnpm install --frozen-lockfile"},
			{"yarn.lock", "corepack enable && yarn install"},
		} {
			if _, err := os.Stat(filepath.Join(dir, by[0])); err == nil {
				return templates.Install{Folder: filepath.ToSlash(folder), Command: by[1]}, true
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "package.json")); err == nil && found.Command == "" {
			found = templates.Install{Folder: filepath.ToSlash(folder), Command: "npm install"}
		}
	}
}

func (r ciResult) text(p *printer) { p.raw([]byte(r.Text)) }
