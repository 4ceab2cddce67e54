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

// asked are the interpreters behind what is found on the PATH, "" where there is none: to ask a version manager takes as long
// as to start a function.
var asked sync.Map
