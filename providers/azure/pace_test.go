package azure

import (
	"testing"

	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/release"
)

func TestManyFunctionsAreNeverRefusedForTheRateOfTheirCalls(t *testing.T) {
	t.Parallel()
	s := newShop(t, newSources(t))
	s.cloud.SyncLag(0)
	s.cloud.RateLimit(0.15) // 30 writes and 37 reads at once, and then 1.5 and 3.75 in a second
	s.adjust = only(4, func(version, _ string) string { return version })
	e := s.engine("one")
	a := e.Adapter.(*Adapter)
	a.pace = pace{writes: rate.NewLimiter(1.35, 27), deletions: rate.NewLimiter(1.35, 27), reads: rate.NewLimiter(3.45, 33)}
	if _, err := e.Deploy(s.Context(), release.DeployOptions{Message: "one"}); err != nil {
		t.Fatal(err)
	}
	if n := s.cloud.Refusals(); n > 0 {
		t.Errorf("%d calls were refused", n)
	}
	_, writes := s.managed()
	t.Logf("%d writes", len(writes))
}
