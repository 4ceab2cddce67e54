package azure

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestAzureKeepsTheContract(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Place {
		c := azuretest.Start(t)
		c.Polls(0) // the SDK's own pauses take no haste
		makeVault(t, c)
		return placeOf(t, c, "shop", "dev")
	})
}

// haste is how many times shorter pauses are than in earnest: the stand-in is ready when it has been asked often enough.
const haste = 20

// placeOf is a service and stage of a cloud as the suite sees it.
func placeOf(t testing.TB, c *azuretest.Cloud, service, stage string) providertest.Place {
	a := newAdapter(t, c.Env, service, stage, block)
	at := func(t testing.TB, fn string) *app {
		t.Helper()
		conn, err := a.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one, err := conn.app(fn)
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	return providertest.Place{
		Adapter: a, Service: service, Stage: stage, Haste: haste,
		Spec: func(t testing.TB, function, version, word string) providers.Spec {
			return programSpec(t, a, function, version, word)
		},
		Bound: func(t testing.TB, function string) providers.Spec {
			return programSpec(t, a, function, "one", "a", manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
		},
		Call: func(t testing.TB, function string) (string, string) {
			said := ask(t, c, at(t, function))
			return said.Code, said.Env["WORD"]
		},
		Observe:   func(t testing.TB, function string) manifest.Function { return observed(t, at(t, function)) },
		Neighbour: func(t testing.TB, service, stage string) providertest.Place { return placeOf(t, c, service, stage) },
		Occupy:    func(t testing.TB, function string) { occupy(t, c, at(t, function)) },
		Original: func(t testing.TB, function string) string {
			theirs := at(t, function)
			occupy(t, c, theirs)
			return theirs.name
		},
		Hold: func(testing.TB) (<-chan struct{}, func()) { return holdWrite(c) },
		Lose: func(t testing.TB, function string, r providers.Revision) {
			one := at(t, function)
			found, err := one.record(t.Context(), r.ID)
			if err == nil {
				err = one.box.delete(t.Context(), packageKey(found.Package), condition{})
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Overwrite: func(t testing.TB, function string, r providers.Revision) { overwrite(t, at(t, function), r.ID) },
	}
}

// makeVault makes the vault of the targets in these tests, which the caller may write secrets into.
func makeVault(t testing.TB, c *azuretest.Cloud) {
	t.Helper()
	conn, err := adapterOf(t, c).connect(t.Context())
	if err == nil {
		err = conn.makeGroup(t.Context())
	}
	if err == nil {
		err = conn.call(t.Context(), http.MethodPut, conn.id("Microsoft.KeyVault/vaults", "shopvault"), "2023-07-01", map[string]any{
			"location": "westeurope", "properties": map[string]any{
				"tenantId": azuretest.Tenant, "enableRbacAuthorization": true, "sku": map[string]string{"family": "A", "name": "standard"},
			},
		}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Grant(azuretest.Caller, "Key Vault Secrets Officer", conn.id("Microsoft.KeyVault/vaults", "shopvault"))
}

// overwrite deploys a stored package past the adapter.
func overwrite(t testing.TB, a *app, id string) {
	t.Helper()
	r, err := a.record(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := a.fetchPackage(t.Context(), *r)
	if err != nil {
		t.Fatal(err)
	}
	defer pkg.close()
	s, err := a.site(t.Context(), a.name)
	if err == nil {
		err = a.deploy(t.Context(), s.scmHost(), pkg, "")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ask calls an app as the world does; what does not answer says nothing.
func ask(t testing.TB, c *azuretest.Cloud, a *app) answer {
	t.Helper()
	var said answer
	s, err := a.site(t.Context(), a.name)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return said
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Properties.DefaultHostName+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Client().Do(req)
	for tries := 0; err == nil && restarting(res.StatusCode) && tries < 50; tries++ {
		_ = res.Body.Close()
		res, err = c.Client().Do(req)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return said
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	return said
}

// restarting is how Azure answers while it makes the instances of an app anew, which each deployment does: who is in one that
// ends gets the first, who comes before there is another the second.
func restarting(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable
}

// observed is what an app runs with, as Azure and its package have it.
func observed(t testing.TB, a *app) manifest.Function {
	t.Helper()
	s, err := a.site(t.Context(), a.name)
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	scale := s.scale()
	fn := manifest.Function{Memory: manifest.Size(scale.InstanceMemoryMB) * manifest.MB}
	fn.Scaling.Max, fn.Scaling.Concurrency = scale.MaximumInstanceCount, scale.concurrency()
	for _, w := range scale.AlwaysReady {
		if w.Name == "http" {
			fn.Scaling.Min = w.InstanceCount
		}
	}
	out, err := a.box.get(t.Context(), packageBlob)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var host struct{ FunctionTimeout string }
	var http struct{ Bindings []struct{ AuthLevel string } }
	if err := from(z, hostFile, &host); err != nil {
		t.Fatal(err)
	}
	if err := from(z, "http/function.json", &http); err != nil {
		t.Fatal(err)
	}
	moment, err := time.Parse("15:04:05", host.FunctionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	fn.Timeout = manifest.Duration(moment.Sub(moment.Truncate(24 * time.Hour)))
	auth := map[string]string{"anonymous": "public", "function": "private"}[http.Bindings[0].AuthLevel]
	fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: auth}}}
	return fn
}

// holdWrite has the next write to a blob wait on its way.
func holdWrite(c *azuretest.Cloud) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if call.Service != "blob" || !call.Write || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Hold(goes)
	})
	return waits, func() { close(goes) }
}

// occupy makes an app that says "theirs", with everything that it stands on, as somebody does who knows nothing of ferry.
func occupy(t testing.TB, c *azuretest.Cloud, a *app) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	other, err := newAdapter(t, c.Env, "somebody", "else", block).connect(ctx)
	must(err)
	shared, err := other.foundation(ctx)
	must(err)
	box, err := other.box("theirs")
	must(err)
	must(other.makeContainer(ctx, "theirs"))
	theirs := &app{connection: other, function: "theirs", name: a.name, box: box, packages: box}
	spec := programSpec(t, newAdapter(t, c.Env, "somebody", "else", block), "theirs", "theirs", "a")
	pkg, err := other.pack(specOf(spec))
	must(err)
	defer pkg.close()
	r := other.recordOf(specOf(spec), identity{}, nil, pkg.digest)
	r.Tags = map[string]string{"team": "somebody"}
	must((&work{app: theirs}).lay(ctx, pkg, r))
	must(other.call(ctx, http.MethodPut, other.planID(a.name), webVersion, plan{
		Location: other.target.Location, Kind: "functionapp", Tags: r.Tags, SKU: planSKU{Name: "FC1", Tier: "FlexConsumption"}, Properties: planProperties{Reserved: true},
	}, nil))
	made, err := other.putSite(ctx, a.name, theirs.newSite(r, shared))
	must(err)
	must(theirs.deploy(ctx, made.scmHost(), pkg, ""))
	must(theirs.known(ctx, r))
}
