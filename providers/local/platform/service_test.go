//go:build unix

package platform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// restarted is a home whose platform ends and runs again in the test's process.
type restarted struct {
	*place
	cancel context.CancelFunc
	ended  chan error
}

func restart(t *testing.T) *restarted {
	t.Helper()
	home := Home(t.TempDir())
	r := &restarted{place: &place{T: t, home: home, client: NewClient(home, Launch{})}}
	r.start()
	t.Cleanup(r.end)
	return r
}

func (r *restarted) start() {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.ended = make(chan error, 1)
	go func(ended chan error) { ended <- Serve(ctx, r.home, Options{Grace: time.Second}) }(r.ended)
	platformtest.Until(r.T, "the platform runs", r.home.Running)
}

func (r *restarted) end() {
	r.cancel()
	if err := <-r.ended; err != nil {
		r.Error(err)
	}
}

// overlap does everything to the function at once, and returns what failed.
func (r *restarted) overlap(round int) error {
	id := fmt.Sprint("r", round)
	was, err := r.home.Table(shop)
	if err != nil {
		return err
	}
	work := []func() error{
		func() error { return r.client.Remove(r.Context(), FunctionRequest{Scope: shop, Function: "api"}) },
		func() error { // deploy
			err := r.home.PutRevision(r.Context(), shop, "api", revision(id), r.packed(id))
			now, reading := r.home.Table(shop)
			if err := errors.Join(err, reading); err != nil {
				return err
			}
			_, err = r.client.Switch(r.Context(), SwitchRequest{Scope: shop, Changes: []Change{{"api", now.Functions["api"].Revision, id}}})
			return err
		},
		func() error { // roll back
			now, err := r.home.Table(shop)
			if err == nil {
				_, err = r.client.Switch(r.Context(), SwitchRequest{Scope: shop, Changes: []Change{{"api", now.Functions["api"].Revision, was.Functions["api"].Revision}}})
			}
			return err
		},
		func() error { _, err := r.client.Open(r.Context(), OpenRequest{Scope: shop}); return err },
	}
	if round%4 == 0 {
		work = append(work, func() error { r.end(); r.start(); return nil })
	}
	errs := make([]error, len(work))
	var all sync.WaitGroup
	for i, do := range work {
		all.Go(func() { errs[i] = do() })
	}
	all.Wait()
	return errors.Join(slices.DeleteFunc(errs, lostOut)...)
}

// lostOut holds for what one of several that overlap may meet.
func lostOut(err error) bool {
	code := CodeOf(err)
	return code == CodeConflict || code == CodeNotFound || code == CodeNotRunning
}

func (r *restarted) packed(version string) string {
	return platformtest.Zip(r.T, map[string]string{"version": version})
}

// settled fails the test unless what the table says is what answers, or the service is gone whole.
func (r *restarted) settled(round int) {
	r.Helper()
	table, err := r.home.Table(shop)
	if err != nil {
		r.Fatal(err)
	}
	stored, err := r.home.Revisions(shop, "api")
	if err != nil {
		r.Fatal(err)
	}
	for _, one := range stored {
		if _, err := os.Stat(r.home.revision(shop, "api", one.ID, "package", "version")); err != nil {
			r.Fatalf("round %d: half a revision is stored: %v", round, err)
		}
	}
	live := table.Functions["api"].Revision
	if live == "" {
		live = fmt.Sprint("fresh", round)
		r.put("api", revision(live))
		table = r.swap("api", "", live)
	}
	status, body, err := get(URL(table.Port, "api"))
	if err != nil || status != http.StatusOK {
		r.Fatalf("round %d: %s is live and answers %d, %v: %s", round, live, status, err, body)
	}
	if got := r.echo("api/").Version; got != live {
		r.Fatalf("round %d: %s is live and %s answers", round, live, got)
	}
}

func TestWhateverOverlapsTheServiceEndsServedOrRemoved(t *testing.T) {
	r := restart(t)
	rounds := sample.Of(t, 4)
	for round := range 200 {
		if !rounds.Takes() {
			continue
		}
		if err := r.overlap(round); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		r.settled(round)
	}
}

func TestAPortIsFreeAsSoonAsItsServiceLeft(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	ports := []int{free(t), free(t)}
	for range 20 {
		for _, port := range ports {
			if _, err := p.client.Open(t.Context(), OpenRequest{Scope: shop, Address: Address{Port: port}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.echo("api/")
}
