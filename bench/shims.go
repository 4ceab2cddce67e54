package main

import (
	"archive/zip"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed shims
var shimScripts embed.FS

// shim is a case about what stands between Lambda and a handler of Node.
type shim struct {
	name    string
	measure func(w *workshop) (string, error)
}

func shims() []shim {
	return []shim{
		{"Node's shim on Lambda, calls", (*workshop).shimCalls},
		{"Node's shim on Lambda, starts", (*workshop).shimStarts},
	}
}

// shimPackages packs the functions of bench/shims for Lambda, and returns their folders by name.
func (w *workshop) shimPackages() (map[string]string, error) {
	if err := needs("node", "npm"); err != nil {
		return nil, err
	}
	if err := w.fresh(); err != nil {
		return nil, err
	}
	files := map[string]string{
		"package.json": `{"private": true, "dependencies": {"hono": "4.13.19"}}`,
		"ferry.yaml": "service: shims\ndefaults: {runtime: nodejs22, events: [{http: {}}]}\nfunctions:\n  fetch: {handler: app.mjs}\n" +
			"  listener: {handler: listener.mjs, style: node}\n  small: {handler: small.mjs}\ntargets: {aws: {provider: aws, region: eu-west-1}}\n",
		"empty.mjs": "export const handler = async () => ({});\n",
	}
	scripts, err := shimScripts.ReadDir("shims")
	if err != nil {
		return nil, err
	}
	for _, script := range scripts {
		text, err := shimScripts.ReadFile("shims/" + script.Name())
		if err != nil {
			return nil, err
		}
		files[script.Name()] = string(text)
	}
	install := w.command(w.dir, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	if err := all(func() error { return w.write(files) }, install)(); err != nil {
		return nil, err
	}
	return w.unpacked("fetch", "listener", "small")
}

// unpacked packs the functions of the case's folder for Lambda and unpacks them.
func (w *workshop) unpacked(names ...string) (map[string]string, error) {
	c := exec.Command(w.ferry, "package", "-t", "aws", "--json")
	c.Dir = w.dir
	c.Env = append(os.Environ(), "FERRY_HOME="+w.home)
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("ferry package: %w\n%s", err, text)
	}
	var doc struct {
		Result struct {
			Artifacts map[string]struct{ Path string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range names {
		out[name] = filepath.Join(w.dir, "packages", name)
		if err := unzip(doc.Result.Artifacts[name].Path, out[name]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// shimCalls calls the packages' handlers beside hono's adapter for Lambda, which serves the same bundle of the app.
func (w *workshop) shimCalls() (string, error) {
	packages, err := w.shimPackages()
	if err != nil {
		return "", err
	}
	entry := func(name string) string { return filepath.Join(packages[name], "ferry-entry.mjs") }
	c := exec.Command("node", "compare.mjs", entry("fetch"), entry("listener"), filepath.Join(packages["fetch"], "app.mjs"))
	c.Dir = w.dir
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("compare.mjs: %w\n%s", err, text)
	}
	var found map[string]struct{ Ferry, Peer, Ratio float64 }
	if err := json.Unmarshal(text, &found); err != nil {
		return "", err
	}
	micros := func(n float64) string { return short(time.Duration(n * float64(time.Microsecond))) }
	var lines []string
	for _, name := range []string{"a small GET, fetch", "a small GET, (req, res)", "a POST of 100 KB, fetch", "a POST of 100 KB, (req, res)"} {
		f := found[name]
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %.2f | hono's adapter for Lambda, with the same answer |", name, micros(f.Ferry), micros(f.Peer), f.Ratio))
	}
	return strings.Join(lines, "\n"), nil
}

// loads is how often each side is loaded.
const loads = 300

// shimStarts loads the package of a small function in new processes, in turn with an empty module.
func (w *workshop) shimStarts() (string, error) {
	packages, err := w.shimPackages()
	if err != nil {
		return "", err
	}
	var mine, peer, ratios []float64
	for range loads {
		ours, err := w.load(filepath.Join(packages["small"], "ferry-entry.mjs"))
		if err != nil {
			return "", err
		}
		theirs, err := w.load(filepath.Join(w.dir, "empty.mjs"))
		if err != nil {
			return "", err
		}
		mine, peer, ratios = append(mine, ours), append(peer, theirs), append(ratios, math.Log(ours/theirs))
	}
	low, high := interval(ratios)
	millis := func(n float64) string { return fmt.Sprintf("%.1f ms", n) }
	return fmt.Sprintf("| the start of a process with the shim and a small function | %s | %s | %.2f (95 %%: %.2f to %.2f) | the processor's time of one with an empty module, %d times each |",
		millis(median(mine)), millis(median(peer)), math.Exp(mean(ratios)), low, high, loads), nil
}

// load is the processor's time that a process takes which loads a module and ends, in milliseconds.
func (w *workshop) load(module string) (float64, error) {
	c := exec.Command("node", "load.mjs", module)
	c.Dir = w.dir
	text, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("load.mjs: %w\n%s", err, bytes.TrimSpace(text))
	}
	return float64(c.ProcessState.UserTime()+c.ProcessState.SystemTime()) / float64(time.Millisecond), nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// interval is the 95 % interval of the mean of ratios, which are given as logarithms.
func interval(logs []float64) (low, high float64) {
	m, sum := mean(logs), 0.0
	for _, v := range logs {
		sum += (v - m) * (v - m)
	}
	half := 1.96 * math.Sqrt(sum/float64(len(logs)-1)/float64(len(logs)))
	return math.Exp(m - half), math.Exp(m + half)
}

// unzip unpacks a package, whose names its packager has checked, into a folder.
func unzip(from, to string) error {
	r, err := zip.OpenReader(from)
	if err != nil {
		return err
	}
	defer r.Close()
	return os.CopyFS(to, r)
}
