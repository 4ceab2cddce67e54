package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// rivals overtake by force a deploy that stands still. One may have to decide first on what it left.
func rivals() map[string]func(ctx context.Context, e *release.Engine) error {
	rollback := func(ctx context.Context, e *release.Engine) error {
		_, err := e.Rollback(ctx, release.RollbackOptions{Force: true})
		return err
	}
	deploy := func(ctx context.Context, e *release.Engine) error {
		_, err := e.Deploy(ctx, release.DeployOptions{Message: "five", Force: true})
		return err
	}
	return map[string]func(context.Context, *release.Engine) error{
		"rollback": rollback,
		"deploy": func(ctx context.Context, e *release.Engine) error {
			err := deploy(ctx, e)
			if errors.Is(err, providers.Conflict) {
				if err = rollback(ctx, e); err == nil {
					err = deploy(ctx, e)
				}
			}
			return err
		},
	}
}

// A deploy stands still with one of its requests on the way, somebody takes over by force, and the request arrives after
// all. Whichever it was, what serves is what the other one made serve, and live.json says so.
func TestARequestOfAnOvertakenDeployChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	calls, _ := afterDeploys(t, from, 0, standin.Fault{}, nil)
	var tried, changed atomic.Int64
	cases := sample.Of(t, 6)
	t.Run("requests", func(t *testing.T) {
		for _, by := range slices.Sorted(maps.Keys(rivals())) {
			for n := 1; n <= calls; n++ {
				if !cases.Takes() {
					continue
				}
				t.Run(fmt.Sprintf("%d, by %s", n, by), func(t *testing.T) {
					t.Parallel()
					if overtakenAt(t, from, n, rivals()[by]) {
						tried.Add(1)
					}
					if t.Failed() {
						changed.Add(1)
					}
				})
			}
		}
	})
	t.Logf("%d of %d late requests changed what serves", changed.Load(), tried.Load())
}

// overtakenAt reports whether the deploy had its lock when it stood still, so that there was something to overtake.
func overtakenAt(t *testing.T, from *sources, at int, rival func(context.Context, *release.Engine) error) bool {
	s := newShop(t, from)
	for _, version := range []string{"one", "two"} {
		s.deploys(version)
	}
	reached, released := make(chan standin.Call, 1), make(chan struct{})
	s.cloud.Reset()
	var once sync.Once
	s.cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Number != at {
			return standin.Fault{}
		}
		once.Do(func() { reached <- c })
		return standin.Late(released)
	})
	done := make(chan error, 1)
	go func() {
		_, err := s.engine("three").Deploy(t.Context(), release.DeployOptions{Message: "three"})
		done <- err
	}()
	var late standin.Call
	select {
	case late = <-reached:
	case err := <-done: // it needed fewer requests this time
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	if !strings.Contains(s.object("lock.json"), `"holder": {`) {
		close(released)
		<-done
		return false
	}
	committed := strings.Contains(s.object("live.json"), `"number": 3`)
	if err := rival(t.Context(), s.engine("five")); err != nil {
		close(released)
		<-done
		t.Fatalf("overtaking at %s %s %s: %v", late.Service, late.Operation, late.Resource, err)
	}
	want, head := s.serving(), s.object("live.json")
	close(released)
	err := <-done
	if got := s.serving(); !maps.Equal(got, want) {
		t.Errorf("a late %s %s %s made %v serve in place of %v", late.Service, late.Operation, late.Resource, got, want)
	}
	if now := s.object("live.json"); now != head {
		t.Errorf("a late %s %s %s made live.json\n%s\nin place of\n%s", late.Service, late.Operation, late.Resource, now, head)
	}
	if err == nil && !committed {
		t.Errorf("the overtaken deploy says that it is done, after a late %s %s %s", late.Service, late.Operation, late.Resource)
	}
	s.deploys("four")
	s.serves(s.serving(), "four")
	return true
}

// object is a file of the ledger as it is; "" is none.
func (s *shop) object(name string) string {
	s.Helper()
	store, err := s.judge.Store(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	data, err := read(s.Context(), store, "shop/dev/aws/"+name)
	if err != nil && !errors.Is(err, providers.NotFound) {
		s.Fatal(err)
	}
	return data
}

func read(ctx context.Context, store providers.Store, key string) (string, error) {
	o, err := store.Get(ctx, key)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(o.Body)
	return string(data), errors.Join(err, o.Body.Close())
}
