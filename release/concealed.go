package release

import (
	"context"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// concealedIn is how many of the newest records are asked for values: what older releases wrote may be in a log too.
const concealedIn = 20

// Concealed returns the values that must not be shown when a function writes them: those that the manifest and the newest
// records mask.
func (e *Engine) Concealed(ctx context.Context, function string) ([]string, error) {
	l, err := e.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	lock, _, err := l.lockState(ctx)
	if err != nil {
		return nil, err
	}
	records, err := l.newest(ctx, lock.Attempt, min(lock.Attempt, concealedIn))
	if err != nil {
		return nil, err
	}
	fn, _ := e.Manifest.Function(function)
	values := providers.Concealed(fn)
	for _, r := range records {
		values = append(values, providers.Concealed(r.Functions[function].Function)...)
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}
