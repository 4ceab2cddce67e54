//go:build unix

package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/sample"
)

// TestAKillOfAMigrationAtAnyMomentIsFinishedOrAborted kills each step when some time went by, between calls and within them.
// Requests are answered before, meanwhile and after, and a step that is done again changes nothing.
func TestAKillOfAMigrationAtAnyMomentIsFinishedOrAborted(t *testing.T) {
	t.Parallel()
	steps := sample.Of(t, 4)
	for _, c := range []struct {
		before [][]string
		step   []string
		then   string
	}{
		{nil, []string{"start"}, "local"},
		{[][]string{{"start"}}, []string{"shift", "--percent", "100"}, "aws"},
		{[][]string{{"start"}}, []string{"commit"}, "aws"},
		{[][]string{{"start"}, {"shift", "--percent", "100"}}, []string{"abort"}, "local"},
	} {
		if !steps.Takes() {
			continue
		}
		t.Run(c.step[0], func(t *testing.T) {
			t.Parallel()
			const moments = 30
			s, some := newMoving(t, "local", "aws"), sample.Of(t, 15)
			for moment := range moments {
				if some.Takes() {
					s.killedAt(rand.N(longest(c.step[0])), moment%2 == 0, c.before, c.step, c.then)
				}
			}
		})
	}
}

// longest is about how long a step takes.
func longest(step string) time.Duration {
	if step == "start" || step == "commit" {
		return 4 * time.Second
	}
	return 2 * time.Second
}

// killedAt kills a step after some time, has it done again or aborts, and brings back what was before.
func (s *moving) killedAt(after time.Duration, again bool, before [][]string, step []string, then string) {
	s.Helper()
	for _, args := range before {
		s.ferry(s.migration(args...)...)
	}
	answered := s.asked()
	c := s.command("", s.environ, s.migration(step...)...)
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	killing := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	_ = c.Wait() // it may have been killed
	killing.Stop()
	switch under := s.underWay(); {
	case under && (again || step[0] == "abort"), step[0] == "start" && !under && again:
		s.ferry(s.migration(step...)...)
		if got := s.answerer(); got != then {
			s.Errorf("after a kill %s in and %s again, %s answers", after, step[0], got)
		}
	case under:
		s.ferry(s.migration("abort")...)
	}
	if s.underWay() {
		s.ferry(s.migration("abort")...)
	}
	for _, twice := range []string{"abort", "commit"} {
		is := s.answerer()
		_, _ = ran(s.command("", s.environ, s.migration(twice)...)) // it may refuse, and changes nothing
		if got := s.answerer(); got != is {
			s.Errorf("%s without a migration has %s answer, and %s before", twice, got, is)
		}
	}
	if s.answerer() != s.from {
		s.back()
	}
	answered()
	s.untouched()
}

// asked sends requests one after the other until it is told to end. All must be answered.
func (s *moving) asked() (end func()) {
	ctx, stop := context.WithCancel(s.Context())
	var client sync.WaitGroup
	client.Go(func() {
		for ctx.Err() == nil {
			if why := s.post("-"); why != "" {
				s.Errorf("a request was lost: %s", why)
				return
			}
		}
	})
	return func() { stop(); client.Wait() }
}
