package providertest

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/ferryfn/ferry/providers"
)

// stages shows that what an adapter tells of long work is fit to be shown, and that it is silent when a call has returned.
func stages(s *scenario) {
	var mu sync.Mutex
	var told []string
	returned := false
	ctx := providers.WithStages(s.ctx, func(stage string) {
		mu.Lock()
		defer mu.Unlock()
		if told = append(told, stage); returned {
			s.Errorf("%q was told when there was nothing at work", stage)
		}
	})
	during := func(do func() error) {
		s.Helper()
		err := do()
		mu.Lock()
		returned = true
		mu.Unlock()
		s.ok(err)
		s.status("api")
		mu.Lock()
		returned = false
		mu.Unlock()
	}
	spec := s.Spec(s.TB, "api", "one", "a")
	var r providers.Revision
	during(func() (err error) { r, err = s.Adapter.Publish(ctx, spec, 0); return err })
	from := s.status("api")
	during(func() error {
		_, err := s.Adapter.Activate(ctx, providers.Change{Spec: spec, From: from, To: &r})
		return err
	})
	for _, stage := range told {
		if stage == "" || stage != strings.TrimSpace(stage) || strings.ContainsAny(stage, "\r\n") || len(stage) > 60 {
			s.Errorf("the stage %q is no few words on one line", stage)
		}
	}
}

// publishCarriedOn interrupts a publish as soon as it tells of work that goes on without it.
func publishCarriedOn(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	ctx, kill := context.WithCancel(s.ctx)
	defer kill()
	_, err := s.Adapter.Publish(providers.WithStages(ctx, func(string) { kill() }), spec, 0)
	if !errors.Is(err, context.Canceled) {
		s.Fatalf("want a publish that is interrupted at its first stage, got %v", err)
	}
	if n := s.Begun(s.TB, "api"); n != 1 {
		s.Fatalf("the interrupted publish began %d pieces of work", n)
	}
	r := s.live(spec)
	s.serves("api", &r, "one", "a")
	if n := s.Begun(s.TB, "api"); n != 1 {
		s.Errorf("the next publish began work of its own: %d pieces in all", n)
	}
}

// changedAsOne calls a function while its code, its environment and both change: no answer may be of the code of one revision
// with the environment of the other.
func changedAsOne(s *scenario) {
	steps := [][2]string{{"one", "a"}, {"two", "a"}, {"two", "b"}, {"one", "a"}} // version and word
	before := s.Spec(s.TB, "api", steps[0][0], steps[0][1])
	s.live(before)
	for i, says := range steps[1:] {
		spec := s.Spec(s.TB, "api", says[0], says[1])
		r := s.publish(spec)
		c := providers.Change{Spec: spec, From: s.status("api"), To: &r}
		stepwise, ok := providers.As[providers.Stepwise](s.Adapter)
		apart := ok && stepwise.Apart(before, spec)
		for answer := range s.answersDuring(c) {
			if !apart && answer != says && answer != steps[i] {
				s.Errorf("on the way from %q to %q it said %q", steps[i], says, answer)
			}
		}
		s.serves("api", &r, says[0], says[1])
		before = spec
	}
}

// answersDuring makes a change and collects what the function says meanwhile.
func (s *scenario) answersDuring(c providers.Change) map[[2]string]bool {
	s.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := s.Adapter.Activate(s.ctx, c)
		done <- err
	}()
	seen := map[[2]string]bool{}
	for {
		select {
		case err := <-done:
			s.ok(err)
			return seen
		default:
			version, word := s.Call(s.TB, c.Spec.Function.Name)
			seen[[2]string{version, word}] = true
		}
	}
}
