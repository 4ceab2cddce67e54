package packager

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
)

// isNative is whether a Node package holds or loads machine code, by its folder and its package.json.
func isNative(dir string, packageJSON []byte) bool {
	for _, name := range []string{"binding.gyp", "prebuilds", "build/Release"} {
		if exists(filepath.Join(dir, name)) {
			return true
		}
	}
	if found, err := filepath.Glob(filepath.Join(globQuote(dir), "*.node")); err == nil && len(found) > 0 {
		return true
	}
	names := func(text string) bool { return bytes.Contains(packageJSON, []byte(text)) }
	if slices.ContainsFunc([]string{"linux", "darwin", "win32"}, names) && chooses.Match(packageJSON) { // the expression is slow
		return true
	}
	return slices.ContainsFunc([]string{
		`"node-gyp-build":`, `"node-gyp-build-optional-packages":`, `"bindings":`, `"prebuild-install":`, `"node-pre-gyp":`, `"@mapbox/node-pre-gyp":`,
	}, names)
}

// chooses finds that a package loads one of several packages of programs, such as "@img/sharp-linux-x64".
var chooses = regexp.MustCompile(`"[^"\s]*[-/](linux|linuxmusl|darwin|win32)-(x64|arm64)[^"\s]*"\s*:`)

// globQuote makes a path mean itself in a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// unbundled are packages without machine code of their own that bundle without a word and then fail: they start
// workers from files of theirs, replace modules as these are loaded, or count on being loaded once.
func unbundled(name string) bool {
	switch name {
	case "pino", "thread-stream", "@prisma/client", "dd-trace", "newrelic", "elastic-apm-node", "require-in-the-middle",
		"import-in-the-middle", "@google-cloud/functions-framework", "@azure/functions-core", "esbuild":
		return true
	}
	return false
}

// The names that Node has for platforms.
func (p Platform) nodeOS() string {
	if p.OS == "windows" {
		return "win32"
	}
	return p.OS
}

func (p Platform) nodeCPU() string {
	if p.Arch == "amd64" {
		return "x64"
	}
	return p.Arch
}

func (p Platform) libc() string {
	switch {
	case p.OS != "linux":
		return ""
	case p.Libc != "":
		return p.Libc
	default:
		return "glibc"
	}
}

// HostLibc is the C library of this machine, "" where it is not Linux.
func HostLibc() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	if found, err := filepath.Glob("/lib/ld-musl-*"); err == nil && len(found) > 0 && !exists("/etc/debian_version") {
		return "musl"
	}
	return "glibc"
}

// here is whether this machine is such a platform, so that what is installed on it runs there.
func (p Platform) here() bool {
	return p.OS == runtime.GOOS && p.Arch == runtime.GOARCH && (p.OS != "linux" || p.libc() == HostLibc())
}

// named is whether a folder of prebuilt programs, such as "linux-x64" or "darwin-x64+arm64", is for the platform.
func (p Platform) named(folder string) bool {
	os, cpus, ok := strings.Cut(folder, "-")
	if !ok {
		return true // named otherwise
	}
	cpus, _, _ = strings.Cut(cpus, "-")
	return strings.HasPrefix(os, p.nodeOS()) && slices.Contains(strings.Split(cpus, "+"), p.nodeCPU())
}

// fits is whether a package says that it is for the platform.
func (j packageJSON) fits(p Platform) bool {
	return allows(j.OS, p.nodeOS()) && allows(j.CPU, p.nodeCPU()) && (p.libc() == "" || allows(j.Libc, p.libc()))
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

// program is the system and machine that a file is a program for, from its first 20 bytes; "" when it is none.
// A machine of "" is several or an unknown one.
func program(head []byte) (system, machine string) {
	switch {
	case len(head) < 20:
		return "", ""
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "linux", map[uint16]string{uint16(elf.EM_X86_64): "amd64", uint16(elf.EM_AARCH64): "arm64"}[binary.LittleEndian.Uint16(head[18:])]
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return "darwin", map[uint32]string{0x01000007: "amd64", 0x0100000c: "arm64"}[binary.LittleEndian.Uint32(head[4:])]
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")) && head[7] < 45:
		return "darwin", ""
	case bytes.HasPrefix(head, []byte("MZ")):
		return "windows", ""
	}
	return "", ""
}

// loads is whether the platform can load a native module.
func (p Platform) loads(path string) bool {
	f, err := regular.Open(path)
	if err != nil {
		return true // whoever reads it reports it
	}
	defer f.Close()
	head := make([]byte, 20)
	if _, err := f.ReadAt(head, 0); err != nil {
		return true
	}
	system, machine := program(head)
	if system == "" {
		return true
	}
	if system != p.OS || machine != p.Arch && (system == "linux" || machine != "") {
		return false
	}
	if system != "linux" {
		return true
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return true
	}
	libraries, err := e.ImportedLibraries()
	if err != nil {
		return true
	}
	musl := slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(l, "libc.musl") })
	return p.libc() == "musl" == musl || !musl && !slices.Contains(libraries, "libc.so.6")
}

// admit refuses a program for another machine than the platform's: it would fail at the first call.
func (p Platform) admit(f *file, head []byte) error {
	system, machine := program(head)
	if system != "linux" || p.OS != "linux" || machine == p.Arch {
		return nil
	}
	if machine == "" {
		machine = "another machine"
	}
	return problem(f.path, "install or build it for linux/"+p.Arch+", or leave it out with build.exclude",
		"%s is a program for %s, and the platform is linux/%s", f.name, machine, p.Arch)
}

// adapted is a package with what it needs on the platform: itself when it runs there, else an installation of
// the same version made for the platform.
func (m *modules) adapted(mod *module) (*module, error) {
	if mod.cached || m.job.platform.here() {
		return mod, nil
	}
	foreign, err := m.foreign(mod)
	if err != nil || !foreign {
		return mod, err
	}
	if strings.HasSuffix(filepath.ToSlash(mod.dir), "/"+generatedClient) {
		return nil, problem(mod.dir, "name the platform in `binaryTargets` of the generator in schema.prisma, and run `npx prisma generate`",
			"the generated Prisma client has no engine for %s", m.job.platform.describe())
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
		e := problem(mod.dir, "choose a version of "+mod.Name+" that has one, or another package",
			"%s %s has no prebuilt program for %s", mod.Name, mod.Version, m.job.platform.describe())
		e.Err = err
		return nil, e
	}
	return fresh, nil
}

func (p Platform) describe() string {
	if p.libc() == "" {
		return p.OS + "/" + p.Arch
	}
	return p.OS + "/" + p.Arch + " with " + p.libc()
}

// foreign is whether a package holds machine code, itself or in packages that it chooses from, and none for the platform.
func (m *modules) foreign(mod *module) (bool, error) {
	if mod.native {
		some, fit := m.nativeFiles(mod.dir)
		if !fit && (some || exists(filepath.Join(mod.dir, "binding.gyp"))) {
			return true, nil
		}
	}
	choice := false
	for name := range mod.OptionalDependencies {
		dep, err := m.find(name, mod.dir)
		if err != nil {
			return false, err
		}
		if dep != nil && dep.bound() {
			if dep.fits(m.job.platform) {
				return false, nil
			}
			choice = true
		}
	}
	return choice, nil
}

// nativeFiles reports whether a folder holds native modules, and any for the platform.
func (m *modules) nativeFiles(dir string) (some, fit bool) {
	_ = filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && d.Name() == "node_modules" && full != dir:
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(full) == ".node":
			some = true
			fit = fit || m.job.platform.loads(full)
		}
		return nil
	})
	return some, fit
}

// install has npm install a package for the platform into a folder of the cache, with its dependencies in
// the versions that the user has, and returns the folder.
func (m *modules) install(mod *module) (string, error) {
	pins := map[string]string{mod.Name: mod.Version}
	if err := m.pin(mod, pins); err != nil {
		return "", err
	}
	manifest, err := json.Marshal(map[string]any{"private": true, "dependencies": pins})
	if err != nil {
		return "", err
	}
	p := m.job.platform
	c := cache{dir: m.job.p.Cache}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s %s %s", format, p.OS, p.Arch, p.libc(), m.job.engineVersion(), manifest))
	key := hex.EncodeToString(sum[:])[:40]
	dir := filepath.Join(c.dir, "node", key)
	unlock, err := c.lockIn(m.ctx, "locks", "node-"+key[:2])
	if err != nil {
		return "", err
	}
	defer unlock()
	if info, err := os.Stat(dir); err == nil {
		touch(dir, info)
		return dir, nil
	}
	tmp, err := c.tmpDir()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.WriteFile(filepath.Join(tmp, "package.json"), manifest, 0o600); err != nil {
		return "", writeProblem(c.dir, err)
	}
	if err := m.npm(mod, tmp); err != nil {
		return "", err
	}
	if err := noteSize(tmp); err != nil {
		return "", writeProblem(c.dir, err)
	}
	return dir, c.install(tmp, dir)
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
func (m *modules) npm(mod *module, dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		e := problem(mod.dir, "install Node.js with npm from https://nodejs.org",
			"%s holds native code, and npm, which would install it for %s, was not found", mod.Name, m.job.platform.describe())
		e.Err = err
		return e
	}
	for _, from := range []string{m.job.p.Root, m.job.dir} { // the nearer one wins
		data, err := regular.Read(filepath.Join(from, ".npmrc"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return readProblem(filepath.Join(from, ".npmrc"), ".npmrc", err)
		default:
			if err := os.WriteFile(filepath.Join(dir, ".npmrc"), data, 0o600); err != nil {
				return writeProblem(m.job.p.Cache, err)
			}
		}
	}
	defer os.Remove(filepath.Join(dir, ".npmrc"))
	p := m.job.platform
	t := tool{dir: dir, name: npm, env: []string{"npm_config_arch=" + p.nodeCPU(), "npm_config_platform=" + p.nodeOS(), "npm_config_libc=" + p.libc()}, args: []string{
		"install", "--os=" + p.nodeOS(), "--cpu=" + p.nodeCPU(), "--omit=dev", "--no-audit", "--no-fund",
		"--no-package-lock", "--loglevel=error", "--install-strategy=hoisted",
	}}
	if p.libc() != "" {
		t.args = append(t.args, "--libc="+p.libc())
	}
	_, said, err := t.run(m.ctx)
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	if err != nil {
		e := problem(mod.dir, "see what npm says above; the same version must be in your registry for that platform",
			"installing %s %s for %s failed\n%s", mod.Name, mod.Version, p.describe(), said)
		e.Err = err
		return e
	}
	return nil
}

// noteSize writes into a folder of the cache how large it is, so that nobody needs to count.
func noteSize(dir string) error {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "size"), strconv.AppendInt(nil, size, 10), 0o600)
}
