package fence_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

func TestTheHighestEpochOfAllFunctionsIsFound(t *testing.T) {
	t.Parallel()
	shown := map[string]providers.Epoch{"api": 3, "web": 7, "worker": 0}
	got, err := fence.Highest(t.Context(), []string{"api", "web", "worker"}, func(_ context.Context, fn string) (providers.Epoch, error) { return shown[fn], nil })
	if err != nil || got != 7 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestAnEpochThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")
	_, err := fence.Highest(t.Context(), []string{"api", "web"}, func(_ context.Context, fn string) (providers.Epoch, error) {
		if fn == "web" {
			return 0, denied
		}
		return 3, nil
	})
	if !errors.Is(err, denied) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyALowerEpochIsRefused(t *testing.T) {
	t.Parallel()
	for _, e := range []providers.Epoch{4, 5} {
		if err := fence.Admit("aws", "api", "alias", 4, e); err != nil {
			t.Errorf("epoch %d: %v", e, err)
		}
	}
	err := fence.Admit("aws", "api", "alias", 4, 3)
	if !errors.Is(err, providers.Conflict) || !strings.Contains(err.Error(), "the alias shows epoch 4, and this one's is 3") {
		t.Errorf("got %v", err)
	}
}
