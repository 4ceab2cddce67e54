package main

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packaging are the cases about `ferry package`.
func packaging() []bench {
	return []bench{
		{"package of 9,000 files, unbundled", "zip -r of the same files", 3, package9000},
		{"the same 9,000 files, unchanged", "zip -r of the same files", 3, package9000Unchanged},
		{"package of an Express app, bundled", "esbuild on the same handler", 9, packageExpress},
		{"packages of 100 functions of one source tree", "the package of one of them", 9, package100},
		{"the same 100 functions, unchanged", "the package of one of them, built", 9, package100Unchanged},
		{"packages of 10 functions that share 60 MB", "the package of one of them", 5, package10Heavy},
		{"packages of 100 functions that are bundled", "the package of one of them", 9, package100Bundled},
	}
}

// bigTree is a Node function with 9,000 files of dependencies, about 150 MB in all.
func bigTree(w *workshop) error {
	files := map[string]string{
		"ferry.yaml": "service: big\nfunctions:\n  api: {runtime: nodejs22, handler: app.js, build: {bundle: false}, events: [http: {}]}\n",
		"app.js":     "module.exports = { fetch: () => new Response('') }\n",
	}
	random := rand.New(rand.NewSource(1))
	words := strings.Fields("const function return exports require module value index length this prototype undefined Object Array null if else for")
	needs := []string{}
	for p := range 60 { // written one by one: the memory of this program would count as that of its children
		files := map[string]string{}
		needs = append(needs, fmt.Sprintf("%q: \"1.0.0\"", fmt.Sprintf("p%02d", p)))
		dir := fmt.Sprintf("node_modules/p%02d/", p)
		files[dir+"package.json"] = fmt.Sprintf(`{"name": "p%02d", "version": "1.0.0"}`, p)
		for f := range 149 {
			var text strings.Builder
			for size := 2000 + random.Intn(30000); text.Len() < size; {
				fmt.Fprintf(&text, "%s %s%d;\n", words[random.Intn(len(words))], words[random.Intn(len(words))], random.Intn(1000))
			}
			files[fmt.Sprintf("%slib/f%03d.js", dir, f)] = text.String()
		}
		if err := w.write(files); err != nil {
			return err
		}
	}
	files["package.json"] = `{"dependencies": {` + strings.Join(needs, ", ") + "}}"
	return w.write(files)
}

func package9000(w *workshop) (ours, theirs func() error, err error) {
	if err := errors.Join(needs("zip"), bigTree(w)); err != nil {
		return nil, nil, err
	}
	return w.small("package", "--no-cache"), zipOf(w), nil
}

// small runs ferry and refuses a run that took more than 200 MB of memory.
func (w *workshop) small(args ...string) func() error {
	return func() error {
		c := exec.Command(w.ferry, args...)
		c.Dir = w.dir
		c.Env = append(os.Environ(), "FERRY_HOME="+w.home)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("ferry: %w\n%s", err, out)
		}
		if took := peakMemory(c.ProcessState); took > 200<<20 {
			return fmt.Errorf("ferry took %d MB of memory", took>>20)
		}
		return nil
	}
}

func package9000Unchanged(w *workshop) (ours, theirs func() error, err error) {
	if err := errors.Join(needs("zip"), bigTree(w)); err != nil {
		return nil, nil, err
	}
	return w.command(w.dir, w.ferry, "package"), zipOf(w), w.command(w.dir, w.ferry, "package")()
}

func zipOf(w *workshop) func() error {
	out := filepath.Join(w.home, "peer.zip")
	return func() error {
		_ = os.Remove(out)
		return all(func() error { return os.MkdirAll(w.home, 0o755) }, w.command(w.dir, "zip", "-qr", out, "."))()
	}
}

// packageExpress measures against esbuild's own program, with the same options that matter.
func packageExpress(w *workshop) (ours, theirs func() error, err error) {
	if err := needs("npm"); err != nil {
		return nil, nil, err
	}
	err = w.write(map[string]string{
		"ferry.yaml":   "service: shop\nfunctions:\n  api: {runtime: nodejs22, handler: app.js, style: node, events: [http: {}]}\n",
		"package.json": `{"private": true, "dependencies": {"express": "5.1.0", "zod": "4.1.12", "date-fns": "4.1.0"}, "devDependencies": {"esbuild": "0.28.2"}}`,
		"app.js":       "const express = require('express');\nconst { z } = require('zod');\nconst { addDays } = require('date-fns');\nmodule.exports = express().get('/', (q, s) => s.json({ z: typeof z, d: addDays(0, 1) }));\n",
	})
	if err != nil {
		return nil, nil, err
	}
	install := w.command(w.dir, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	if err := install(); err != nil {
		return nil, nil, err
	}
	program, err := filepath.Glob(filepath.Join(w.dir, "node_modules", "@esbuild", "*", "bin", "esbuild"))
	if err != nil || len(program) == 0 {
		return nil, nil, errors.Join(err, missingTool("esbuild"))
	}
	theirs = w.command(w.dir, program[0], "app.js", "--bundle", "--platform=node", "--target=node22", "--keep-names", "--tree-shaking=true",
		"--sourcemap", "--sources-content=false", "--metafile="+filepath.Join(w.root, "meta.json"), "--log-level=error", "--outfile="+filepath.Join(w.root, "out.js"))
	return w.command(w.dir, w.ferry, "package", "--no-cache"), theirs, nil
}

// oneTree is functions of one source folder, of which each brings its own handler and all share the rest.
func oneTree(w *workshop, functions int, files map[string]string) error {
	var m strings.Builder
	version, err := exec.Command("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		return missingTool("python3")
	}
	fmt.Fprintf(&m, "service: many\ndefaults: {runtime: python%s, style: wsgi, events: [{http: {}}]}\nfunctions:\n", strings.TrimSpace(string(version)))
	for i := range functions {
		fmt.Fprintf(&m, "  f%02d: {handler: \"handlers.f%02d:app\"}\n", i, i)
		files[fmt.Sprintf("handlers/f%02d.py", i)] = fmt.Sprintf("def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%d']\n", i)
	}
	files["ferry.yaml"] = m.String()
	return w.write(files)
}

// smallFiles are 300 of 2 kB.
func smallFiles() map[string]string {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("lib/m%03d.py", i)] = strings.Repeat(fmt.Sprintf("def f%d(a, b):\n    return a * %d + b\n\n", i, i), 40)
	}
	return files
}

// largeFiles are 30 of 2 MB, which compress to about half: what programs in dependencies are like.
func largeFiles() map[string]string {
	files := map[string]string{}
	random := rand.New(rand.NewSource(1))
	for i := range 30 {
		data := make([]byte, 2<<20)
		for k := range data {
			data[k] = byte(random.Intn(16))
		}
		files[fmt.Sprintf("lib/p%02d.so", i)] = string(data)
	}
	return files
}

func package10Heavy(w *workshop) (ours, theirs func() error, err error) {
	return w.command(w.dir, w.ferry, "package", "--no-cache"), w.command(w.dir, w.ferry, "package", "--no-cache", "f00"), oneTree(w, 10, largeFiles())
}

func package100(w *workshop) (ours, theirs func() error, err error) {
	return w.command(w.dir, w.ferry, "package", "--no-cache"), w.command(w.dir, w.ferry, "package", "--no-cache", "f00"), oneTree(w, 100, smallFiles())
}

// package100Bundled is about 100 TypeScript functions that import the same two files. Each has the package that it has alone.
func package100Bundled(w *workshop) (ours, theirs func() error, err error) {
	files := map[string]string{
		"lib/a.ts": "import { b } from './b'\nexport const answer = (n: number) => b(n) + '!'\n",
		"lib/b.ts": "export const b = (n: number) => String(n)\n" + strings.Repeat("// a line of a comment\n", 100),
	}
	var m strings.Builder
	m.WriteString("service: many\ndefaults: {runtime: nodejs22, style: fetch, events: [{http: {}}]}\nfunctions:\n")
	for i := range 100 {
		fmt.Fprintf(&m, "  f%02d: {handler: fn/f%02d.ts}\n", i, i)
		files[fmt.Sprintf("fn/f%02d.ts", i)] = fmt.Sprintf("import { answer } from '../lib/a'\nexport default { fetch: () => new Response(answer(%d)) }\n", i)
	}
	files["ferry.yaml"] = m.String()
	return w.command(w.dir, w.ferry, "package", "--no-cache"), w.command(w.dir, w.ferry, "package", "--no-cache", "f00"), w.write(files)
}

func package100Unchanged(w *workshop) (ours, theirs func() error, err error) {
	if err := oneTree(w, 100, smallFiles()); err != nil {
		return nil, nil, err
	}
	return w.command(w.dir, w.ferry, "package"), w.command(w.dir, w.ferry, "package", "--no-cache", "f00"), w.command(w.dir, w.ferry, "package")()
}
