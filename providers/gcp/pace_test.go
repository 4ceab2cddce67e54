package gcp

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

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
