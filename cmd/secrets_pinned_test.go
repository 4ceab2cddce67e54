package cmd

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// vault is an adapter that keeps one secret, and lets functions read one that somebody else keeps.
type vault struct{ providers.Adapter }

func (vault) SetSecret(context.Context, string, []byte) error { return nil }
func (vault) Secrets(context.Context) ([]string, error)       { return []string{"kept"}, nil }
func (vault) RemoveSecret(context.Context, string) error      { return nil }
func (vault) Pin(_ context.Context, fn manifest.Function) (map[string]string, error) {
	if fn.Secrets["VALUE"] == "theirs" {
		return map[string]string{"VALUE": "theirs#1"}, nil
	}
	return nil, &providers.Error{Kind: providers.NotFound}
}

func TestASecretThatSomebodyElseKeepsIsNotMissing(t *testing.T) {
	s := newService(t)
	s.wrap = func(a providers.Adapter) providers.Adapter { return vault{a} }
	s.write(t, "ferry.yaml", "service: shop\nfunctions:\n  api: {runtime: custom, style: server, source: api, handler: run, "+
		"secrets: {A: kept, B: theirs, C: nobodys}}\ntargets: {local: {provider: world}}\n")
	var doc struct{ Result secretsResult }
	if err := json.Unmarshal([]byte(s.must(t, exitDone, "secrets", "list", "--json").out), &doc); err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, one := range doc.Result.Secrets {
		if !one.Set {
			missing = append(missing, one.Name)
		}
	}
	if !slices.Equal(missing, []string{"nobodys"}) {
		t.Errorf("missing are %q", missing)
	}
}
