package gcp

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestManyBuildsSayHowLongTheyTakeAtTheLeast(t *testing.T) {
	a := &Adapter{pace: newPace()}
	builds := func(n int, via string) []providers.Spec {
		var all []providers.Spec
		for range n {
			all = append(all, providers.Spec{Function: manifest.Function{
				Runtime: "nodejs24", Style: manifest.StyleFetch, Config: blockOf(map[string]any{"via": via}),
			}})
		}
		return all
	}
	const want = "100 builds take at least 95s: Google takes 60 writes of Cloud Functions in a minute"
	if got := a.Floor(append(builds(100, byFunctions), builds(50, byRun)...)); got != want {
		t.Errorf("got %q", got)
	}
	if got := a.Floor(append(builds(10, byFunctions), builds(100, byRun)...)); got != "" {
		t.Errorf("of what takes a few seconds it says %q", got)
	}
}

func TestAWriteThatWaitsForItsTurnSaysWhatGoogleTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		ctx := providers.WithStages(t.Context(), func(stage string) { told = append(told, stage) })
		p, began := newPace(), time.Now()
		write := func(service string, times int) {
			for range times {
				if err := p.turn(ctx, service, http.MethodPatch); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(serviceFunctions, 5)
		write(serviceRun, 30) // which nobody waits for longer than a moment
		if len(told) > 0 {
			t.Errorf("it said %q", told)
		}
		all := make(chan struct{})
		for range 20 {
			go func() {
				write(serviceFunctions, 1)
				all <- struct{}{}
			}()
		}
		for range 20 {
			<-all
		}
		if diff := cmp.Diff([]string{"waiting for its turn: Google takes 60 writes of Cloud Functions in a minute"}, told); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(began); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("25 writes took %v", took)
		}
	})
}
