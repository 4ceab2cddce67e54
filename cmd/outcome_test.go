package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

// nth fails the nth call of that name, and with lasting every later one.
func (s *service) nth(call string, n int, err error, lasting bool) {
	seen := 0
	s.world.Before = func(_ context.Context, op, about string) error {
		if op+" "+about != call {
			return nil
		}
		if seen++; seen == n || lasting && seen > n {
			return err
		}
		return nil
	}
}

// A failure of any kind has the exit code of what it left behind, and of its kind only when it left nothing.
func TestTheExitCodeSaysWhatAFailureLeftBehind(t *testing.T) {
	const record = "store put shop/dev/local/releases/000002.json"
	kinds := map[providers.Kind]int{
		providers.Denied: 7, providers.Unauthenticated: 7, providers.Conflict: 6, providers.NotFound: 8,
		providers.Unavailable: 1, providers.Failed: 1,
	}
	for _, c := range []struct {
		name, call string
		n          int
		lasting    bool
		code       int // 0 is the kind's
		outcome    string
	}{
		{"taking the lock", "store put shop/dev/local/lock.json", 1, false, 0, "unchanged"},
		{"publishing", "publish web", 1, false, 0, "unchanged"},
		{"writing the record", record, 1, false, 0, "unchanged"},
		{"writing that activation begins", record, 2, false, 0, "unchanged"},
		{"writing that activation begins, and all after it", record, 2, true, 0, "unchanged"},
		{"activating", "switch web", 1, false, 4, "restored"},
		{"committing", "store put shop/dev/local/live.json", 1, false, 4, "restored"},
		{"activating and restoring", "status web", 3, true, 5, "partial"},
	} {
		for kind, code := range kinds {
			t.Run(c.name+", "+string(kind), func(t *testing.T) {
				if c.code != 0 {
					code = c.code
				}
				s := newService(t)
				s.must(t, exitDone, "deploy")
				s.write(t, "web/run", "#!/bin/web2")
				s.nth(c.call, c.n, &providers.Error{Kind: kind, Op: "call", Provider: "memory"}, c.lasting)
				got := s.must(t, code, "deploy", "--json")
				if outcome := outcomeOf(t, got); outcome != c.outcome {
					t.Errorf("the outcome is %q, not %q: %s", outcome, c.outcome, got.out)
				}
				s.world.Before = nil
				if status := s.must(t, exitDone, "status", "--json"); releaseOf(t, status) != 1 {
					t.Errorf("after it: %s", status.out)
				}
			})
		}
	}
}

func outcomeOf(t *testing.T, r ran) string {
	t.Helper()
	var doc struct{ Outcome string }
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Outcome
}

func releaseOf(t *testing.T, r ran) int {
	t.Helper()
	var doc struct{ Result struct{ Release int } }
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Result.Release
}

func TestACanaryWhosePromotionMayNotBeWrittenDownStaysAsItIs(t *testing.T) {
	s := newService(t)
	s.must(t, exitDone, "deploy")
	s.write(t, "web/run", "#!/bin/web2")
	s.must(t, exitDone, "deploy", "--traffic", "10")
	s.nth("store put shop/dev/local/releases/000002.json", 1, &providers.Error{Kind: providers.Denied, Op: "call", Provider: "memory"}, false)
	if got := s.must(t, exitCredentials, "promote", "--json"); outcomeOf(t, got) != "unchanged" {
		t.Error(got.out)
	}
	s.world.Before = nil
	s.must(t, exitDone, "promote")
}

func TestABuildCommandThatFailsIsAMistakeInTheSources(t *testing.T) {
	s := newService(t)
	s.write(t, "ferry.yaml", fmt.Sprintf("%sstages: {dev: {functions: {web: {build: {command: exit 3}}}}}\n", shop))
	for _, command := range []string{"package", "plan", "deploy"} {
		s.must(t, exitUsage, command)
	}
}
