package gcp

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	container "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// What Cloud Functions builds keeps the contract as well. Its containers are answered for, as building and starting each takes
// too long; that a build's container starts is tried by tests of the builds.
func TestGoogleKeepsTheContractWithWhatCloudFunctionsBuilds(t *testing.T) {
	t.Parallel()
	if !sample.Of(t, 8).Takes() { // most of it is as with an image, which is tried each time
		return
	}
	newViaFunctions(t)
	providertest.Run(t, func(t *testing.T) providertest.Place {
		s := newViaFunctions(t)
		s.Answer(versioned)
		return s.place(t, "shop", "dev")
	})
}

// What the environment of a function that is answered for says of it, in place of its code.
const (
	crashing = "broken"
	impostor = "impostor"
)

// versioned answers as a function with a shim does, whose version is in its environment too.
func versioned(variables map[string]string) http.Handler {
	if variables["VERSION"] == crashing {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch version := variables["VERSION"]; {
		case version == impostor && r.URL.Path == "/.ferry/probe":
			_, _ = fmt.Fprint(w, `{"digest": "sha256:other"}`)
		case r.URL.Path == "/.ferry/probe":
			imitated(variables).ServeHTTP(w, r)
		default:
			_, _ = fmt.Fprintf(w, "%s %s", version, variables["WORD"])
		}
	})
}

// place is a service and stage whose functions Cloud Functions builds.
func (s viaFunctions) place(t testing.TB, service, stage string) providertest.Place {
	t.Helper()
	a := s.process(t, service, stage)
	p := s.shop.place(t, service, stage)
	p.Adapter, p.Call, p.Neighbour = a, calling(a), s.place
	p.Broken = func(t testing.TB, function string) providers.Spec { return s.versioned(t, a, function, crashing, "a") }
	p.Impostor = func(t testing.TB, function string) providers.Spec { return s.versioned(t, a, function, impostor, "a") }
	p.Spec = func(t testing.TB, function, version, word string) providers.Spec {
		return s.versioned(t, a, function, version, word)
	}
	p.Bound = func(t testing.TB, function string) providers.Spec {
		return s.versioned(t, a, function, "one", "a", manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1-5", Timezone: "Europe/Berlin"}})
	}
	p.Observe = func(t testing.TB, function string) manifest.Function { return observed(t, a, function) }
	p.Occupy = nil // a service of Cloud Run stays one
	p.Original = func(t testing.TB, function string) string {
		s.theirs(t, a, function)
		return a.serviceName(function)
	}
	p.Lose = func(t testing.TB, function string, r providers.Revision) { s.loseBuilt(t, a, function, r) }
	p.Overwrite = func(t testing.TB, function string, r providers.Revision) { overwrite(t, a, function, r) }
	return p
}

func (s viaFunctions) versioned(t testing.TB, a *Adapter, function, version, word string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, word, events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	fn.Config = blockOf(map[string]any{"via": byFunctions})
	fn.Env["VERSION"] = version
	return providertest.Package(t, a, fn, map[string]string{"app.py": "def on_event(event, ctx):\n    pass\n" + fmt.Sprintf(application, version)})
}

// loseBuilt deletes the image that Cloud Functions built for a revision, as a policy of its repository does.
func (s viaFunctions) loseBuilt(t testing.TB, a *Adapter, function string, r providers.Revision) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.getRevision(t.Context(), function, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	image, err := container.NewTag(imageOf(found))
	if err == nil {
		err = remote.Delete(image, remote.WithAuth(&authn.Bearer{Token: s.AccessToken(gcptest.Deployer)}))
	}
	if err != nil {
		t.Fatal(err)
	}
}
