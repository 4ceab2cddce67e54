package gcptest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/standin"
)

// buildpack makes of a source what runs, by the rules of Google's buildpacks
// (https://github.com/GoogleCloudPlatform/buildpacks, cmd/*/functions_framework).
type buildpack struct {
	build  *build
	source fs.FS             // what is built
	dir    string            // its files, which become /workspace, unless nobody will start them
	layers string            // what is added, which becomes /layers
	added  map[string]string // folders that are added besides, by where they lie in the image
}

// run gives the configuration of the image.
func (p *buildpack) run(ctx context.Context) (v1.Config, error) {
	if err := p.fetch(); err != nil {
		return v1.Config{}, fmt.Errorf("failed to fetch the source: %w", err)
	}
	if err := os.MkdirAll(p.layers, 0o755); err != nil {
		return v1.Config{}, err
	}
	config := v1.Config{WorkingDir: "/workspace", Env: []string{"PORT=8080"}, User: "33:33"}
	var err error
	switch runtime := p.build.runtime; {
	case strings.HasPrefix(runtime, "nodejs"):
		config.Entrypoint, err = p.node(ctx)
	case strings.HasPrefix(runtime, "python"):
		config.Entrypoint, err = p.python(ctx)
		config.Env = append(config.Env, "HOST=127.0.0.1", "PYTHONPATH=/layers/pip", "FUNCTION_SOURCE="+p.build.variables["GOOGLE_FUNCTION_SOURCE"])
		if p.build.variables["GOOGLE_FUNCTION_SOURCE"] == "" {
			config.Env[len(config.Env)-1] = "FUNCTION_SOURCE=main.py"
		}
	case strings.HasPrefix(runtime, "go"):
		config.Entrypoint, err = p.golang(ctx)
	default:
		err = fmt.Errorf("no build of %s is here", runtime)
	}
	return config, err
}

// fetch has the source there. Its files are written only where something will be started of them.
func (p *buildpack) fetch() error {
	if p.build.unstarted {
		files, err := zip.NewReader(bytes.NewReader(p.build.source), int64(len(p.build.source)))
		p.source = files
		return err
	}
	p.source = os.DirFS(p.dir)
	return standin.Unzip(bytes.NewReader(p.build.source), int64(len(p.build.source)), p.dir)
}

// packageJSON is what the buildpacks read of a package.json.
type packageJSON struct {
	Main         string            `json:"main"`
	Dependencies map[string]string `json:"dependencies"`
	Scripts      map[string]string `json:"scripts"`
}

const nodeFramework = "@google-cloud/functions-framework"

func (p *buildpack) node(ctx context.Context) ([]string, error) {
	p.build.say("=== Node.js - Functions Framework (google.nodejs.functions-framework) ===")
	if _, set := p.build.variables["GOOGLE_FUNCTION_SOURCE"]; set {
		return nil, errors.New("GOOGLE_FUNCTION_SOURCE is not currently supported for Node.js buildpacks")
	}
	main := "function.js"
	if p.has("index.js") {
		main = "index.js"
	}
	var of packageJSON
	if data, err := fs.ReadFile(p.source, "package.json"); err == nil {
		if err := json.Unmarshal(data, &of); err != nil {
			return nil, fmt.Errorf("unmarshalling package.json: %w", err)
		}
	}
	if of.Main != "" {
		main = of.Main
	}
	if !p.has(main) {
		return nil, fmt.Errorf("%s does not exist", main)
	}
	if p.build.unstarted {
		return []string{"node"}, nil
	}
	node, err := lambdatest.Interpreter(ctx, p.build.runtime)
	if err != nil {
		return nil, err
	}
	if err := p.npm(ctx, of); err != nil {
		return nil, err
	}
	if of.Scripts["gcp-build"] != "" {
		if err := p.exec(ctx, p.dir, "npm", "run", "gcp-build"); err != nil {
			return nil, err
		}
	}
	if err := p.exec(ctx, p.dir, node, "--check", main); err != nil {
		return nil, err
	}
	// The framework listens everywhere, and a test on one address.
	if err := os.WriteFile(filepath.Join(p.layers, "loopback.cjs"), []byte(loopback), 0o600); err != nil {
		return nil, err
	}
	return []string{"node", "-r", "/layers/loopback.cjs", "/workspace/node_modules/.bin/functions-framework"}, nil
}

const loopback = `const { Server } = require("node:net");
const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  return typeof port === "object" ? listen.call(this, port, ...rest) : listen.call(this, Number(port), "127.0.0.1", ...rest);
};
`

// npm installs what is not there, the framework too.
func (p *buildpack) npm(ctx context.Context, of packageJSON) error {
	missing := !p.has("node_modules/" + nodeFramework)
	for name := range of.Dependencies {
		missing = missing || !p.has("node_modules/"+name)
	}
	if !missing {
		return nil
	}
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if data, err := fs.ReadFile(p.source, name); err == nil {
			files[name] = data
		}
	}
	dir, err := p.installed("npm", files, func(dir string) error {
		verb := "install"
		if files["package-lock.json"] != nil {
			verb = "ci"
		}
		if files["package.json"] != nil {
			if err := p.exec(ctx, dir, "npm", verb, "--quiet", "--no-fund", "--no-audit"); err != nil {
				return err
			}
		}
		if of.Dependencies[nodeFramework] != "" {
			return nil
		}
		p.build.say("Handling functions without dependency on functions-framework.")
		return p.exec(ctx, dir, "npm", "install", "--quiet", "--no-save", "--no-fund", "--no-audit", nodeFramework)
	})
	p.added["workspace/node_modules"] = filepath.Join(dir, "node_modules")
	return err
}

// installed is a folder with what an installer makes of these files. It is kept for other tests: nothing in it is changed.
func (p *buildpack) installed(kind string, files map[string][]byte, install func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range sorted(files) {
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(files[name]), files[name]) // a hash takes all
	}
	at := filepath.Join(cache, "gcptest", fmt.Sprintf("%s-%s-%x", kind, p.build.runtime, sum.Sum(nil)[:12]))
	if _, err := os.Stat(at); err == nil {
		return at, nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(at), "install-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	if err := install(dir); err != nil {
		return "", err
	}
	if err := os.Rename(dir, at); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(at); there != nil {
			return "", err
		}
	}
	return at, nil
}

// pinned is a requirement of exactly one version.
var pinned = regexp.MustCompile(`^([A-Za-z0-9._-]+)==([^\s;#]+)$`)

func (p *buildpack) python(ctx context.Context) ([]string, error) {
	p.build.say("=== Python - Functions Framework (google.python.functions-framework) ===")
	source, set := p.build.variables["GOOGLE_FUNCTION_SOURCE"]
	switch {
	case !set && !p.has("main.py"):
		return nil, errors.New("missing main.py and GOOGLE_FUNCTION_SOURCE not specified. Either create the function in main.py or specify " +
			"GOOGLE_FUNCTION_SOURCE to point to the file that contains the function")
	case set && !p.has(source):
		return nil, fmt.Errorf("GOOGLE_FUNCTION_SOURCE specified file %q but it does not exist", source)
	}
	command := []string{"python3", "-m", "functions_framework"}
	if p.build.unstarted {
		return command, nil
	}
	python, err := lambdatest.Interpreter(ctx, strings.Replace(p.build.runtime, "python3", "python3.", 1))
	if err != nil {
		return nil, err
	}
	if err := p.exec(ctx, p.dir, python, "-m", "compileall", "-f", "-q", "."); err != nil {
		return nil, err
	}
	wanted := p.wanted()
	if wanted == "" {
		return command, nil
	}
	dir, err := p.installed("pip", map[string][]byte{"requirements.txt": []byte(wanted)}, func(dir string) error {
		return p.exec(ctx, dir, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "pip", "-r", "requirements.txt")
	})
	p.added["layers/pip"] = filepath.Join(dir, "pip")
	return command, err
}

// wanted is what pip has to install: the requirements that are not in the source in the version that they name, and the framework.
func (p *buildpack) wanted() string {
	data, err := fs.ReadFile(p.source, "requirements.txt")
	var lines []string
	framework := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		framework = framework || err == nil && regexp.MustCompile(`^functions-framework\b([^-]|$)`).MatchString(line)
		if m := pinned.FindStringSubmatch(line); m != nil {
			dist := strings.ToLower(strings.NewReplacer("-", "_", ".", "_").Replace(m[1]))
			if p.has(dist + "-" + m[2] + ".dist-info") {
				continue
			}
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if !framework {
		p.build.say("Handling functions without dependency on functions-framework.")
		lines = append(lines, "functions-framework")
	}
	return strings.Join(lines, "\n")
}

func (p *buildpack) golang(ctx context.Context) ([]string, error) {
	p.build.say("=== Go - Functions Framework (google.go.functions-framework) ===")
	dir := filepath.Join(p.dir, filepath.FromSlash(p.build.variables["GOOGLE_FUNCTION_SOURCE"]))
	data, err := fs.ReadFile(p.source, "go.mod")
	if err != nil {
		return nil, errors.New("function build requires go.mod file")
	}
	if p.build.unstarted {
		return []string{"/layers/main"}, nil
	}
	module := regexp.MustCompile(`(?m)^module\s+(\S+)`).FindSubmatch(data)
	if module == nil {
		return nil, errors.New("go.mod names no module")
	}
	sub, err := filepath.Rel(p.dir, dir)
	if err != nil {
		return nil, err
	}
	main := filepath.Join(p.dir, "functions.local", "app")
	if err := os.MkdirAll(main, 0o755); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(goMain, strings.TrimSuffix(string(module[1])+"/"+filepath.ToSlash(sub), "/."))
	if err := os.WriteFile(filepath.Join(main, "main.go"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	mode := "-mod=mod"
	if p.has("vendor/modules.txt") {
		mode = "-mod=vendor"
	}
	if err := p.exec(ctx, p.dir, "go", "build", mode, "-o", filepath.Join(p.layers, "main"), "./functions.local/app"); err != nil {
		return nil, err
	}
	return []string{"/layers/main"}, nil
}

// goMain is the program that a function is compiled into.
const goMain = `package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ %q
)

func main() {
	if err := funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")); err != nil {
		log.Fatalf("funcframework.StartHostPort: %%v\n", err)
	}
}
`

func (p *buildpack) has(name string) bool {
	_, err := fs.Stat(p.source, path.Clean(name))
	return err == nil
}

// exec runs a step. What it prints is in the build's log, and the end of it in the error.
func (p *buildpack) exec(ctx context.Context, dir, name string, args ...string) error {
	p.build.say("--------\nRunning %q", strings.Join(append([]string{filepath.Base(name)}, args...), " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "PIP_NO_INPUT=1", "NODE_OPTIONS=")
	for variable, value := range p.build.variables {
		cmd.Env = append(cmd.Env, variable+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	p.build.say("%s", out.String())
	if err != nil {
		text := strings.TrimSpace(out.String())
		return fmt.Errorf("%s: %w", text[max(0, len(text)-1000):], err)
	}
	return nil
}
