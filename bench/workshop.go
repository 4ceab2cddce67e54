package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// workshop is where the cases work: a ferry built from this tree, and a folder and a home for each case.
type workshop struct {
	root    string // all below it is temporary
	tree    string // the sources of ferry
	ferry   string
	dir     string // of the case at work
	home    string // FERRY_HOME of the case at work
	count   int
	modules string // the node_modules that cases about the local platform share, once they are installed
	// servers are peers that run; they end with the bench.
	servers []*exec.Cmd
}

// missingTool is a program that a case needs.
type missingTool string

func (m missingTool) Error() string { return string(m) + " is not installed" }

func newWorkshop() (*workshop, error) {
	tree, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "ferry-bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{root: root, tree: tree, ferry: filepath.Join(root, "ferry")}
	return w, w.command(tree, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", w.ferry, "./cmd/ferry")()
}

// fresh gives the next case an empty folder and an empty home.
func (w *workshop) fresh() error {
	w.stop()
	w.count++
	w.dir = filepath.Join(w.root, fmt.Sprint(w.count), "dir")
	w.home = filepath.Join(w.root, fmt.Sprint(w.count), "home")
	return os.MkdirAll(w.dir, 0o755)
}

func (w *workshop) stop() {
	if w.home != "" {
		_ = w.command(w.root, w.ferry, "local", "stop")()
	}
}

func (w *workshop) close() {
	w.stop()
	for _, c := range w.servers {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	_ = os.RemoveAll(w.root)
}

// command is a run of a program, quiet unless it fails.
func (w *workshop) command(dir, name string, args ...string) func() error {
	return func() error {
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "FERRY_HOME="+w.home, "GOFLAGS=-buildvcs=false")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
		}
		return nil
	}
}

// runFerry runs ferry for a target, whose cloud it finds by these variables.
func (w *workshop) runFerry(target string, env []string, args ...string) error {
	c := exec.Command(w.ferry, slices.Concat(args, []string{"-t", target})...)
	c.Dir, c.Env = w.dir, slices.Concat(os.Environ(), env, []string{"FERRY_HOME=" + w.home})
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("ferry %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// all runs one after another.
func all(steps ...func() error) func() error {
	return func() error {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
}

// write writes files below the case's folder.
func (w *workshop) write(files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func needs(tools ...string) error {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return missingTool(tool)
		}
	}
	return nil
}
