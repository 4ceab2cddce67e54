//go:build unix

package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
)

// ferry remove is killed at its first call, then, from a whole release on, at its second, and so on. Then resume leaves
// nothing, and rollback leaves all.
func TestAKillOfRemoveAtAnyCallIsResumedOrRolledBack(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"resume", "rollback"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.deploy("first")
			calls := sample.Of(t, 9)
			for n := 1; ; n++ {
				if !calls.Takes() {
					continue
				}
				version := fmt.Sprintf("v%d", n)
				s.deploy(version)
				if !s.interrupted(n, version, "remove", "--yes") {
					s.servesNothing()
					return
				}
				s.decide(how, version)
			}
		})
	}
}

// decide ends what a kill of remove left of a version.
func (s *shop) decide(how, version string) {
	s.Helper()
	l := s.ledger()
	want := ""
	switch pending := l.Pending(); {
	case pending == nil && l.Live.Number != 0 && how == "rollback":
		want = l.Records[l.LastGood()].Message // nothing was begun, so it is a rollback like any other
	case pending == nil && l.Live.Number != 0, how == "rollback":
		want = version
	}
	c := s.command(version, nil, how, "--yes")
	if code, out := ran(c); code != 0 {
		s.Fatalf("%s exits %d: %s", how, code, out)
	}
	now := s.ledger()
	if now.Message() != want {
		s.Fatalf("after %s live.json says that %q is live, not %q", how, now.Message(), want)
	}
	if want == "" {
		s.servesNothing()
		return
	}
	s.learn(c)
	s.serves(want)
	if left := now.Lock; now.Pending() != nil || how == "rollback" && left.Holder != nil {
		s.Fatalf("after %s the lock is left: %+v", how, left)
	}
}

// servesNothing expects that no URL that was ever told answers as a function.
func (s *shop) servesNothing() {
	s.Helper()
	for name, url := range s.urls {
		res, err := http.Get(url)
		if err != nil {
			continue // nobody listens
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			s.Errorf("%s answers %s", name, res.Status)
		}
	}
}
