package azure

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// TestMain has more tests run at once than there are cores, unless the command line says how many: most of the time they
// wait for a cloud to be done.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// environment is what New looks variables up in.
type environment func(string) (string, bool)

// block is the block of a target in a cloud of tests.
const block = `{"resource_group": "shop", "location": "westeurope", "key_vault": "shopvault"}`

func newAdapter(t testing.TB, env environment, service, stage, block string) *Adapter {
	t.Helper()
	node := new(manifest.Node)
	if err := json.Unmarshal([]byte(block), node); err != nil {
		t.Fatal(err)
	}
	a, err := New(providers.Config{Service: service, Stage: stage, Target: "here", Block: node, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

func adapterOf(t testing.TB, c *azuretest.Cloud) *Adapter {
	t.Helper()
	return newAdapter(t, c.Env, "shop", "dev", block)
}

func tokenFor(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}}
}
