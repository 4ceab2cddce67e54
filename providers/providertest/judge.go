package providertest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Verdict is a case that found something wrong.
type Verdict struct {
	Case  string
	Wrong string // what it said first
}

// Judge runs the suite as Run does, and returns the cases that fail in place of failing t.
func Judge(t testing.TB, open func(t testing.TB) Place) []Verdict {
	var found []Verdict
	for _, c := range cases() {
		found = judge(t, found, c.name, func(t testing.TB) {
			if p := open(t); c.concerns(p) {
				c.try(t, p)
			}
		})
	}
	return found
}

// JudgeStore is Judge for a store.
func JudgeStore(t testing.TB, open func(t testing.TB) StorePlace) []Verdict {
	var found []Verdict
	for _, c := range storeCases() {
		found = judge(t, found, c.name, func(t testing.TB) {
			if p := open(t); c.concerns(p) {
				c.try(t, p)
			}
		})
	}
	return found
}

// judge adds to what was found, if the case fails or panics.
func judge(t testing.TB, found []Verdict, name string, run func(testing.TB)) []Verdict {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		run(r)
	}()
	<-done
	if len(r.wrong) == 0 {
		return found
	}
	return append(found, Verdict{name, r.wrong[0]})
}

// recorder is a test whose failures are kept in place of failing the test that it stands for.
type recorder struct {
	testing.TB
	mu    sync.Mutex
	wrong []string
}

func (r *recorder) record(said string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, strings.TrimSpace(said))
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any)                 { r.record(fmt.Sprintln(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.record(fmt.Sprintf(format, args...)) }

func (r *recorder) Fail() { r.record("failed") }

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.wrong) > 0
}
