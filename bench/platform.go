package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// place is a case about the local platform.
type place struct {
	name    string
	measure func(w *workshop) (string, error)
}

func places() []place {
	return []place{
		{"local platform: requests", (*workshop).requests},
		{"local platform: time added", (*workshop).added},
		{"local platform: cold starts", (*workshop).coldStarts},
		{"local platform: from saved to served", (*workshop).saved},
		{"local platform: memory", (*workshop).resting},
	}
}

// added is what the gateway adds to a request, one after the other on one connection.
func (w *workshop) added() (string, error) {
	servers, err := w.loaded()
	if err != nil {
		return "", err
	}
	var mine, theirs []float64
	for range loadRounds {
		for _, side := range []struct {
			url string
			to  *[]float64
		}{{servers[1].url, &mine}, {servers[2].url, &theirs}} {
			did, err := load(side.url, 1, loadTurn)
			if err != nil {
				return "", err
			}
			*side.to = append(*side.to, did.median.Seconds())
		}
	}
	a, z := median(mine), median(theirs)
	return fmt.Sprintf("| a request, (req, res), one at a time | %.3f ms | %.3f ms | %.2f (%.3f ms more) | %s |", 1000*a, 1000*z, a/z, 1000*(a-z), bare), nil
}

// coldStarts invokes functions that have no process, in turn with a process that does the same.
func (w *workshop) coldStarts() (string, error) {
	if err := needs("node"); err != nil {
		return "", err
	}
	if err := w.fresh(); err != nil {
		return "", err
	}
	const functions = 15
	const source = "module.exports = (req, res) => res.end('hello');\n"
	var m strings.Builder
	m.WriteString("service: cold\ndefaults: {runtime: nodejs22, style: node, handler: app.cjs, events: [{http: {}}]}\nfunctions:\n")
	for i := range functions {
		fmt.Fprintf(&m, "  f%02d: {env: {N: \"%d\"}}\n", i, i)
	}
	if err := all(func() error { return w.write(map[string]string{"ferry.yaml": m.String(), "app.cjs": source}) }, w.command(w.dir, w.ferry, "deploy"))(); err != nil {
		return "", err
	}
	var mine, theirs []time.Duration
	for i := range functions {
		var doc struct {
			Result struct {
				Cold    bool    `json:"cold"`
				Seconds float64 `json:"cold_seconds"`
			} `json:"result"`
		}
		if err := w.asked(&doc, "invoke", fmt.Sprintf("f%02d", i), "--path", "/"); err != nil {
			return "", err
		}
		if !doc.Result.Cold {
			return "", errors.New("it was not cold")
		}
		mine = append(mine, time.Duration(doc.Result.Seconds*float64(time.Second)))
		began := time.Now()
		if err := w.command(w.dir, "node", "-e", source)(); err != nil {
			return "", err
		}
		theirs = append(theirs, time.Since(began))
	}
	a, z := median(mine), median(theirs)
	return fmt.Sprintf("| cold start of a function of one line | %s | %s | %.2f | node -e with the same line |", short(a), short(z), float64(a)/float64(z)), nil
}

// asked is what a command of ferry prints as JSON.
func (w *workshop) asked(to any, args ...string) error {
	c := exec.Command(w.ferry, append(args, "--json")...)
	c.Dir, c.Env = w.dir, append(os.Environ(), "FERRY_HOME="+w.home)
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("ferry %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return json.Unmarshal(out, to)
}

// saved is how long ferry dev takes from a file that is saved to the first answer of the new code, in turn with a bundler's own
// program and one start of Node, without which there is no new code.
func (w *workshop) saved() (string, error) {
	if err := w.platformFolder(); err != nil {
		return "", err
	}
	bundler, err := filepath.Glob(filepath.Join(w.dir, "node_modules", "@esbuild", "*", "bin", "esbuild"))
	if err != nil || len(bundler) == 0 {
		return "", errors.Join(err, missingTool("esbuild"))
	}
	dev := exec.Command(w.ferry, "dev")
	var said bytes.Buffer
	dev.Dir, dev.Env, dev.Stdout, dev.Stderr = w.dir, append(os.Environ(), "FERRY_HOME="+w.home), &said, &said
	if err := dev.Start(); err != nil {
		return "", err
	}
	w.servers = append(w.servers, dev)
	address, err := w.developed()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, &said)
	}
	bundle := w.command(w.dir, bundler[0], "fetch.mjs", "--bundle", "--platform=node", "--format=esm", "--sourcemap", "--outfile=out.mjs")
	var mine, bundled, started []time.Duration
	for i := range 15 {
		text := fmt.Sprintf("v%d", i)
		began := time.Now()
		if err := w.write(map[string]string{"fetch.mjs": fmt.Sprintf("export default { fetch: () => new Response('%s') };\n", text)}); err != nil {
			return "", err
		}
		if err := shows(address, text); err != nil {
			return "", err
		}
		mine = append(mine, time.Since(began))
		for _, side := range []struct {
			work  func() error
			times *[]time.Duration
		}{{bundle, &bundled}, {w.command(w.dir, "node", "-e", "0"), &started}} {
			began := time.Now()
			if err := side.work(); err != nil {
				return "", err
			}
			*side.times = append(*side.times, time.Since(began))
		}
	}
	a, b, s := median(mine), median(bundled), median(started)
	return fmt.Sprintf("| from saved to served in ferry dev | %s | %s | %.2f (%s more) | esbuild's program (%s), and node started once (%s) |",
		short(a), short(b+s), float64(a)/float64(b+s), short(a-b-s), short(b), short(s)), nil
}

// developed waits until ferry dev serves, and returns where.
func (w *workshop) developed() (string, error) {
	deadline, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		var doc struct {
			Result struct {
				URL string `json:"url"`
			} `json:"result"`
		}
		if err := w.asked(&doc, "url", "fetch"); err == nil && doc.Result.URL != "" && get(doc.Result.URL)() == nil {
			return doc.Result.URL, nil
		}
		select {
		case <-deadline:
			return "", errors.New("ferry dev does not serve")
		case <-tick.C:
		}
	}
}

// shows waits until an address answers with a text.
func shows(address, text string) error {
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if got, err := body(address); err == nil && got == text {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("%s does not come to answer %s", address, text)
}

// resting is the memory of a platform that serves 200 functions, none of which runs.
func (w *workshop) resting() (string, error) {
	if err := w.fresh(); err != nil {
		return "", err
	}
	program := "#!/bin/sh\nexec node -e \"require('http').createServer((q, s) => s.end('hello')).listen(process.env.PORT, '127.0.0.1')\"\n"
	var m strings.Builder
	m.WriteString("service: many\ndefaults: {runtime: custom, style: server, handler: run, events: [{http: {}}]}\nfunctions:\n")
	for i := range 200 {
		fmt.Fprintf(&m, "  f%03d: {env: {N: \"%d\"}}\n", i, i)
	}
	if err := w.write(map[string]string{"ferry.yaml": m.String(), "run": program}); err != nil {
		return "", err
	}
	if err := errors.Join(os.Chmod(filepath.Join(w.dir, "run"), 0o755), w.command(w.dir, w.ferry, "deploy")()); err != nil {
		return "", err
	}
	w.stop() // a platform that has just started 200 functions has not given its memory back
	if err := w.command(w.dir, w.ferry, "local", "start")(); err != nil {
		return "", err
	}
	pid, err := w.platformProcess()
	if err != nil {
		return "", err
	}
	used, err := resident(pid)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("| 200 functions of which none runs | %.0f MB | 60 MB | %.2f | what it may take |", float64(used)/1e6, float64(used)/60e6), nil
}

// platformProcess is the id of the platform that runs.
func (w *workshop) platformProcess() (int, error) {
	var doc struct {
		Result struct {
			PID int `json:"pid"`
		} `json:"result"`
	}
	err := w.asked(&doc, "local", "status")
	return doc.Result.PID, err
}

// resident is the memory of a process, in bytes, where the system tells.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, missingTool("/proc")
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10, err
}
