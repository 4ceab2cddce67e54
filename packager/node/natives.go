package node

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// isNative is whether a Node package holds or loads machine code, by its folder and its package.json.
func isNative(dir string, packageJSON []byte) bool {
	entries, _ := os.ReadDir(dir) // of an archive none
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		name := e.Name()
		return name == "binding.gyp" || name == "prebuilds" || filepath.Ext(name) == ".node" || name == "build" && source.Exists(filepath.Join(dir, name, "Release"))
	}) {
		return true
	}
	names := func(text string) bool { return bytes.Contains(packageJSON, []byte(text)) }
	if slices.ContainsFunc([]string{"linux", "darwin", "win32"}, names) && chooses().Match(packageJSON) { // the expression is slow
		return true
	}
	return slices.ContainsFunc([]string{
		`"node-gyp-build":`, `"node-gyp-build-optional-packages":`, `"bindings":`, `"prebuild-install":`, `"node-pre-gyp":`, `"@mapbox/node-pre-gyp":`,
	}, names)
}

// chooses finds that a package loads one of several packages of programs, such as "@img/sharp-linux-x64".
var chooses = pattern.Of(`"[^"\s]*[-/](linux|linuxmusl|darwin|win32)-(x64|arm64)[^"\s]*"\s*:`)

// globQuote makes a path mean itself in a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// unbundled are packages without machine code of their own that bundle without a word and then fail: they start
// workers from files of theirs, replace modules as these are loaded, or count on being loaded once.
func unbundled(name string) bool {
	switch name {
	case "pino", "thread-stream", "@prisma/client", "dd-trace", "newrelic", "elastic-apm-node", "require-in-the-middle",
		"import-in-the-middle", "@google-cloud/functions-framework", "@azure/functions", "@azure/functions-core", "esbuild":
		return true
	}
	return false
}

// The names that Node has for platforms.
func nodeOS(p source.Platform) string {
	if p.OS == "windows" {
		return "win32"
	}
	return p.OS
}

func nodeCPU(p source.Platform) string {
	if p.Arch == "amd64" {
		return "x64"
	}
	return p.Arch
}

// named is whether a folder of prebuilt programs, such as "linux-x64" or "darwin-x64+arm64", is for the platform.
func named(p source.Platform, folder string) bool {
	os, cpus, ok := strings.Cut(folder, "-")
	if !ok {
		return true // named otherwise
	}
	cpus, _, _ = strings.Cut(cpus, "-")
	return strings.HasPrefix(os, nodeOS(p)) && slices.Contains(strings.Split(cpus, "+"), nodeCPU(p))
}

// fits is whether a package says that it is for the platform.
func (j packageJSON) fits(p source.Platform) bool {
	return allows(j.OS, nodeOS(p)) && allows(j.CPU, nodeCPU(p)) && (p.CLibrary() == "" || allows(j.Libc, p.CLibrary()))
}

// bound is whether a package is for some platforms only.
func (j packageJSON) bound() bool { return len(j.OS)+len(j.CPU)+len(j.Libc) > 0 }

func allows(list []string, value string) bool {
	only := false
	for _, s := range list {
		if s == "!"+value {
			return false
		}
		if s == value || s == "any" {
			return true
		}
		only = only || !strings.HasPrefix(s, "!")
	}
	return !only
}

// adapted is a package with what it needs on the platform: itself when it runs there, else an installation of
// the same version made for the platform.
func (m *modules) adapted(mod *module) (*module, error) {
	if mod.cached {
		return mod, nil
	}
	foreign, err := m.foreign(mod)
	if err != nil || !foreign {
		return mod, err
	}
	if _, name, _ := PackageOf(filepath.Join(mod.dir, "package.json")); dotted(name) {
		hint := "generate it for that platform"
		if name == prismaClient {
			hint = "name the platform in `binaryTargets` of the generator in schema.prisma, and run `npx prisma generate`"
		}
		return nil, source.Problem(mod.dir, hint, "the generated %s has no engine for %s", name, m.job.Platform.Describe())
	}
	dir, err := m.install(mod)
	if err != nil {
		return nil, err
	}
	fresh, err := m.load(filepath.Join(dir, "node_modules", filepath.FromSlash(mod.Name)))
	if err != nil {
		return nil, err
	}
	if still, err := m.foreign(fresh); err != nil || still {
		e := source.Problem(mod.dir, "choose a version of "+mod.Name+" that has one, or install it with that Node.js on such a machine",
			"%s %s has no prebuilt program for %s", mod.Name, mod.Version, m.job.where())
		e.Err = err
		return nil, e
	}
	return fresh, nil
}

// foreign is whether a package holds machine code, itself or in packages that it chooses from, and none for the platform.
// Of what is installed on a machine like it, all but the version of Node and of the C library is taken to be right.
func (m *modules) foreign(mod *module) (bool, error) {
	host := m.job.Platform.IsHost()
	if mod.native {
		some, best := m.nativeFiles(mod.dir)
		switch {
		case best == outdated, !host && best == elsewhere && (some || source.Exists(filepath.Join(mod.dir, "binding.gyp"))):
			return true, nil
		}
	}
	if host {
		return false, nil
	}
	choice := false
	for name := range mod.OptionalDependencies {
		dep, err := m.find(name, mod.dir)
		if err != nil {
			return false, err
		}
		if dep != nil && dep.bound() {
			if m.runs(dep) {
				return false, nil
			}
			choice = true
		}
	}
	return choice, nil
}

// without leaves out an optional package that cannot be had for the platform, as npm does, and warns of it.
func (m *modules) without(mod, user *module, err error) error {
	var e *source.Error
	if !errors.As(err, &e) {
		return err
	}
	why, _, _ := strings.Cut(e.Message, "\n")
	m.job.made.Warnings = append(m.job.made.Warnings, source.Warning{
		Message: fmt.Sprintf("%s %s is left out, which %s may do without: %s", mod.Name, mod.Version, cmp.Or(user.Name, "package.json"), why), Hint: e.Hint,
	})
	return nil
}

// runs is whether a package may run on the platform: it says so, and what it holds of native modules is not all for others.
func (m *modules) runs(mod *module) bool {
	if !mod.fits(m.job.Platform) {
		return false
	}
	some, best := false, elsewhere
	if mod.native && mod.bound() {
		some, best = m.nativeFiles(mod.dir)
	}
	return !some || best == fits || best == loadable
}

// nativeFiles reports whether a folder holds native modules, and how the best of them fits the platform.
func (m *modules) nativeFiles(dir string) (some bool, best fitness) {
	_ = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && d.Name() == "node_modules" && full != dir:
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(full) == ".node":
			some = true
			best = max(best, m.job.fitnessOf(full))
		}
		return nil
	})
	return some, best
}

// install has npm install a package for the platform, with its dependencies in the versions that the user has, and
// returns the folder.
func (m *modules) install(mod *module) (string, error) {
	pins := map[string]string{mod.Name: mod.Version}
	if err := m.pin(mod, pins); err != nil {
		return "", err
	}
	manifest, err := json.Marshal(map[string]any{"private": true, "dependencies": pins})
	if err != nil {
		return "", err
	}
	p := m.job.Platform
	of := []any{p.OS, p.Arch, p.CLibrary(), m.job.engineVersion(), string(manifest)}
	return m.job.Install(m.ctx, source.Installation{Kind: "node", Of: of}, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
			return source.WriteProblem(m.job.Cache, err)
		}
		return m.npm(mod.dir, mod.Name+"@"+mod.Version, dir)
	})
}

// pin collects the versions of what a package needs, as far as there is one version each.
func (m *modules) pin(mod *module, pins map[string]string) error {
	for name := range mod.Dependencies {
		dep, err := m.find(name, mod.dir)
		if err != nil {
			return err
		}
		if dep == nil || pins[name] != "" || dep.Name != name {
			continue
		}
		pins[name] = dep.Version
		if err := m.pin(dep, pins); err != nil {
			return err
		}
	}
	return nil
}

// npm runs an installation for the platform. The user's registries and credentials hold.
func (m *modules) npm(from, what, dir string, flags ...string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		e := source.Problem(from, "install Node.js with npm from https://nodejs.org",
			"npm, which would install %s for %s, was not found", what, m.job.Platform.Describe())
		e.Err = err
		return e
	}
	for _, from := range []string{m.job.Root, m.job.Dir} { // the nearer one wins
		data, err := regular.Read(filepath.Join(from, ".npmrc"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return source.ReadProblem(filepath.Join(from, ".npmrc"), ".npmrc", err)
		default:
			if err := os.WriteFile(filepath.Join(dir, ".npmrc"), data, 0o600); err != nil {
				return source.WriteProblem(m.job.Cache, err)
			}
		}
	}
	defer os.Remove(filepath.Join(dir, ".npmrc"))
	p := m.job.Platform
	env := []string{"npm_config_arch=" + nodeCPU(p), "npm_config_platform=" + nodeOS(p), "npm_config_libc=" + p.CLibrary()}
	if _, known := moduleVersions[m.job.engineVersion()]; known { // for what fetches programs, or makes them, for a version of Node
		env = append(env, "npm_config_target="+m.job.engineVersion()+".0.0")
	}
	t := source.Command{Dir: dir, Name: npm, Env: env, Args: []string{
		"install", "--os=" + nodeOS(p), "--cpu=" + nodeCPU(p), "--omit=dev", "--no-audit", "--no-fund",
		"--no-package-lock", "--loglevel=error", "--install-strategy=hoisted",
	}}
	t.Args = append(t.Args, flags...)
	if p.CLibrary() != "" {
		t.Args = append(t.Args, "--libc="+p.CLibrary())
	}
	_, said, err := t.Run(m.ctx)
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	if err != nil {
		e := source.Problem(from, "see what npm says above; your registry must have the same version for that platform",
			"installing %s for %s failed\n%s", what, p.Describe(), said)
		e.Err = err
		return e
	}
	return nil
}
