package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// services is a case about a number of functions on a cloud whose stand-in is that of the tests, in this process: every call takes
// 40 ms more than it needs there. Its functions are not started: the stand-in answers for them.
type services struct {
	cloud             string
	functions, rounds int
	log               io.Writer // how often each call was made
	open              func(b *bed) (stand, error)
}

func (s services) name() string {
	if s.functions == 1 {
		return s.cloud + ", 1 function"
	}
	return fmt.Sprintf("%s, %d functions", s.cloud, s.functions)
}

// onClouds are the cases of all clouds that have such a stand-in.
func onClouds(log io.Writer) []services {
	var all []services
	for _, cloud := range []struct {
		name string
		open func(b *bed) (stand, error)
	}{{"Google", onGoogle}, {"Cloud Functions", onCloudFunctions}, {"Azure", onAzure}} {
		for _, size := range []struct{ functions, rounds int }{{1, 3}, {10, 2}, {100, 1}} {
			all = append(all, services{cloud.name, size.functions, size.rounds, log, cloud.open})
		}
	}
	return all
}

// stand is a stand-in, as a place that ferry deploys to.
type stand struct {
	sources
	env         []string
	control     *standin.Control
	once, round []step
	rate, burst int            // of the writes that the cloud takes
	builds      map[string]int // writes of Cloud Functions that each function needs besides, by step
	looks       map[string]int // reads that each function needs, where they are limited, by step
	tally
	peer func(w *workshop) (string, error)
}

// bed is what the stand-in asks of a test, for a bench.
type bed struct {
	testing.TB
	dir     string
	cleanup []func()
	failed  []error
}

func (*bed) Helper()            {}
func (b *bed) TempDir() string  { return b.dir }
func (b *bed) Cleanup(f func()) { b.cleanup = append(b.cleanup, f) }
func (b *bed) Errorf(format string, args ...any) {
	b.failed = append(b.failed, fmt.Errorf(format, args...))
}

func (b *bed) close() error {
	for _, f := range slices.Backward(b.cleanup) {
		f()
	}
	return errors.Join(b.failed...)
}

func (s services) measure(w *workshop) (string, error) {
	if err := w.fresh(); err != nil {
		return "", err
	}
	b := &bed{dir: filepath.Join(w.root, fmt.Sprint(w.count), "cloud")}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return "", err
	}
	rows, err := s.rows(w, b)
	return strings.Join(rows, "\n"), errors.Join(err, b.close())
}

// rows are the lines of the table.
func (s services) rows(w *workshop, b *bed) ([]string, error) {
	at, err := s.open(b)
	if err != nil {
		return nil, err
	}
	at.functions = s.functions
	at.control.Latency(latency)
	var rows []string
	for i := range s.rounds + 1 {
		todo := at.round
		if i == 0 {
			todo = at.once
		}
		for _, one := range todo {
			row, err := s.take(w, &at, one)
			if err != nil {
				return nil, err
			}
			if i < 2 { // the first round of each
				rows = append(rows, row)
			}
		}
	}
	if s.functions == 1 && at.peer != nil {
		row, err := at.peer(w)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// take runs ferry for a step, and is the line of the table about it.
func (s services) take(w *workshop, at *stand, one step) (string, error) {
	one.edit(&at.sources)
	if err := at.write(w); err != nil {
		return "", err
	}
	at.control.Reset()
	target, _, _ := strings.Cut(at.target, ":")
	began := time.Now()
	if err := w.runFerry(target, at.env, one.args...); err != nil {
		return "", err
	}
	took := time.Since(began)
	builds := at.builds[one.name] // beside each there is room for a write of the others; all functions are built before one goes live
	limit := wait(s.functions*builds, buildBurst, buildRate) + wait(s.functions*(one.writes-builds), at.burst, at.rate)
	limit = max(limit, wait(s.functions*at.looks[one.name], managerReadBurst, managerReadRate)) // each has a bucket of its own
	floor := limit + time.Duration(len(one.chain))*latency
	fmt.Fprintf(s.log, "%s, %s: %s: %v\n", s.name(), one.name, short(took), operations(at.control.Calls()))
	return fmt.Sprintf("| %s, %d: %s | %s | %s | %.2f | %s of rate limit, %d calls in a row of %s. %s |",
		s.cloud, s.functions, one.name, short(took), short(floor), float64(took)/float64(floor), short(limit), len(one.chain), latency, at.told(at.control.Calls())), nil
}

// tally counts calls: those of the service that it is mostly about, and the others.
type tally struct {
	of    string // that service, for people
	chief func(standin.Call) bool
}

func (t tally) told(all []standin.Call) string {
	var writes, reads, others int
	for _, c := range all {
		switch {
		case !t.chief(c):
			others++
		case c.Write:
			writes++
		default:
			reads++
		}
	}
	return fmt.Sprintf("%s: %d writes, %d reads; other services: %d", t.of, writes, reads, others)
}

// operations are how often each call was made.
func operations(all []standin.Call) map[string]int {
	count := map[string]int{}
	for _, c := range all {
		count[c.Service+" "+c.Operation]++
	}
	return count
}
