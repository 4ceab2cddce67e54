package lambdatest

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

//go:embed client.mjs client.py
var clients embed.FS

// languageOf returns the language of a managed runtime and the client that speaks the runtime API for it.
func languageOf(runtime string) (language, client string) {
	switch {
	case strings.HasPrefix(runtime, "nodejs"):
		return "nodejs", "client.mjs"
	case strings.HasPrefix(runtime, "python"):
		return "python", "client.py"
	default:
		return "", ""
	}
}

// Interpreter finds the program that runs a managed runtime, of its version if this machine has that, else of
// any. The program is the interpreter itself, not a version manager's wrapper, which needs an environment.
func Interpreter(ctx context.Context, runtime string) (string, error) {
	names, ask := []string{"node"}, []string{"-p", "process.execPath"}
	if version, ok := strings.CutPrefix(runtime, "python"); ok {
		names = []string{"python" + version, "python3"}
		ask = []string{"-ISc", "import os, sys; print(os.path.realpath(sys.executable))"}
	}
	for _, name := range names {
		wrapper, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		path, known := asked.Load(wrapper)
		if !known {
			out, err := exec.CommandContext(ctx, wrapper, ask...).Output()
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			if path = strings.TrimSpace(string(out)); err != nil {
				path = ""
			}
			asked.Store(wrapper, path)
		}
		if path, _ := path.(string); path != "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is missing", names[len(names)-1])
}

// Alone is an interpreter of Python that sees nothing of what is installed on this machine, nor does what it starts by its own
// path: an environment without packages.
func Alone(home, interpreter string) (program string, err error) {
	if err := os.MkdirAll(filepath.Join(home, "bin"), 0o700); err != nil {
		return "", err
	}
	config := "home = " + filepath.Dir(interpreter) + "\ninclude-system-site-packages = false\n"
	if err := os.WriteFile(filepath.Join(home, "pyvenv.cfg"), []byte(config), 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(home, "bin", "python3")
	return program, os.Symlink(interpreter, program)
}

// findSDK prints where Python finds what the managed runtimes carry: AWS's SDK, with what that needs.
const findSDK = `
import importlib.util, os
for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"):
    found = importlib.util.find_spec(name)
    if found and found.origin:
        print(os.path.dirname(found.origin) if found.submodule_search_locations else found.origin)
`

// carrySDK lays the SDK of this machine's Python into a folder, as far as there is one.
func carrySDK(ctx context.Context, dir string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return err
	}
	found, known := asked.Load(findSDK)
	if !known {
		out, err := exec.CommandContext(ctx, python, "-c", findSDK).Output()
		if err != nil {
			return fmt.Errorf("looking for the SDK of Python: %w", err)
		}
		found = string(out)
		asked.Store(findSDK, found)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	text, _ := found.(string)
	for line := range strings.Lines(text) {
		at := strings.TrimSpace(line)
		if err := os.Symlink(at, filepath.Join(dir, filepath.Base(at))); err != nil {
			return err
		}
	}
	return nil
}

// asked are the interpreters behind what is found on the PATH, "" where there is none, and where the SDK is: to ask a version
// manager takes as long as to start a function.
var asked sync.Map
