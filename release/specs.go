package release

import (
	"context"
	"maps"
	"slices"

	"github.com/ferryfn/ferry/providers"
)

// Specs packages all functions and says what a deploy would publish, with what it would warn of. Of the place it asks
// nothing but the versions of secrets.
func (e *Engine) Specs(ctx context.Context) ([]providers.Spec, []providers.Issue, error) {
	g, err := e.build(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	var specs []providers.Spec
	for _, name := range slices.Sorted(maps.Keys(g.functions)) {
		f := g.functions[name]
		specs = append(specs, providers.Spec{Function: f.Function, Artifact: g.built[name], Secrets: f.Secrets, Digest: f.Digest})
	}
	return specs, g.issues, nil
}
