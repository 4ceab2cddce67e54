package providers_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

func TestAStageIsPassedOnWhenItBegins(t *testing.T) {
	var got []string
	ctx := providers.WithStages(t.Context(), func(stage string) { got = append(got, stage) })
	for _, stage := range []string{"building", "building", "waiting", "building"} {
		providers.Stage(ctx, stage)
	}
	providers.Stage(context.Background(), "nobody asked")
	if want := []string{"building", "waiting", "building"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
