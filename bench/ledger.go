package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// longLedger measures commands in a ledger of ten thousand releases beside the same in one of ten.
func longLedger() []bench {
	const peer = "the same with 10 releases"
	return []bench{
		{"releases of 10,000", peer, 15, func(w *workshop) (ours, theirs func() error, err error) {
			return w.command(w.dir, w.ferry, "releases", "-s", "long"), w.command(w.dir, w.ferry, "releases", "-s", "short"), w.ledgers()
		}},
		{"plan after 10,000 releases", peer, 15, func(w *workshop) (ours, theirs func() error, err error) {
			return w.command(w.dir, w.ferry, "plan", "-s", "long"), w.command(w.dir, w.ferry, "plan", "-s", "short"), w.ledgers()
		}},
		{"rollback after 10,000 releases", peer, 15, func(w *workshop) (ours, theirs func() error, err error) {
			return w.backAndForth("long", 9990), w.backAndForth("short", 0), w.ledgers()
		}},
	}
}

// backAndForth rolls back to the eighth and to the ninth release in turn.
func (w *workshop) backAndForth(stage string, older int) func() error {
	to := 9
	return func() error {
		to = 17 - to
		return w.command(w.dir, w.ferry, "rollback", "--yes", "-s", stage, "--to", strconv.Itoa(to+older))()
	}
}

// ledgers makes ten releases in the stages long and short, and puts 9,990 before those of long.
func (w *workshop) ledgers() error {
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join(w.tree, "examples", "go-api"))); err != nil {
		return err
	}
	const manifest = "service: shop\nstages: {long: {}, short: {}}\nfunctions:\n  api: {runtime: go, handler: ., events: [http: {}], env: {NUMBER: \"%d\"}}\n"
	for n := range 10 {
		if err := w.write(map[string]string{"ferry.yaml": fmt.Sprintf(manifest, n)}); err != nil {
			return err
		}
		for _, stage := range []string{"long", "short"} {
			if err := w.command(w.dir, w.ferry, "deploy", "-s", stage)(); err != nil {
				return err
			}
		}
	}
	return age(filepath.Join(w.home, "state", "store", "shop", "long", "local"), 9990)
}

// age makes every number in a ledger greater, and puts copies of its first record before.
func age(dir string, by int) error {
	record := func(n int) string { return filepath.Join(dir, "releases", fmt.Sprintf("%06d.json", n)) }
	first, err := os.ReadFile(record(1))
	if err != nil {
		return err
	}
	for n := 10; n >= 1; n-- { // downwards, since a file is moved to where another may be
		if err := older(record(n), record(n+by), by); err != nil {
			return err
		}
	}
	for n := 1; n <= by; n++ {
		text := strings.ReplaceAll(string(first), `"number": 1,`, fmt.Sprintf(`"number": %d,`, n))
		text = strings.ReplaceAll(text, `"source": 1,`, fmt.Sprintf(`"source": %d,`, n))
		if err := os.WriteFile(record(n), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"live.json", "lock.json"} {
		if err := older(filepath.Join(dir, name), filepath.Join(dir, name), by); err != nil {
			return err
		}
	}
	return nil
}

// older rewrites a file of a ledger with greater numbers of releases.
func older(from, to string, by int) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	grow(file, by)
	if data, err = json.Marshal(file); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

func grow(file map[string]any, by int) {
	for _, name := range []string{"number", "source", "attempt", "previous"} {
		if n, ok := file[name].(float64); ok && n > 0 {
			file[name] = int(n) + by
		}
	}
	if good, ok := file["good"].([]any); ok {
		for i := range good {
			good[i] = int(good[i].(float64)) + by
		}
	}
	if history, ok := file["history"].([]any); ok {
		for _, h := range history {
			grow(h.(map[string]any), by)
		}
	}
}
