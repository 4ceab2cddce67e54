package gcp

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestGoogleKeepsTheContract(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	providertest.Run(t, func(t *testing.T) providertest.Place { return newShop(t).place(t, "shop", "dev") })
}

// shop is a project with a repository of images.
type shop struct{ project }

func newShop(t testing.TB) shop {
	t.Helper()
	s := shop{newProject(t)}
	s.AddRepository("ferry")
	s.BaseImage("google-22/runtimes/python313", "1")
	s.BaseImage("google-24/runtimes/osonly24", "1")
	return s
}

// registry is the block that has images in the project's own registry.
func (s shop) registry() map[string]any {
	return map[string]any{"repository": s.Registry() + "/" + gcptest.Project + "/ferry"}
}

// process is an adapter as another process has it.
func (s shop) process(t testing.TB, service, stage string) *Adapter {
	t.Helper()
	a := s.adapter(t, s.registry())
	a.service, a.stage = service, stage
	return a
}

// place is a service and stage, seen by a process of its own.
func (s shop) place(t testing.TB, service, stage string) providertest.Place {
	t.Helper()
	a := s.process(t, service, stage)
	return providertest.Place{
		Adapter: a, Service: service, Stage: stage, Haste: haste, Call: calling(a), Neighbour: s.place,
		Spec: func(t testing.TB, function, version, word string) providers.Spec {
			return s.packaged(t, a, function, word, fmt.Sprintf(application, version))
		},
		Broken: func(t testing.TB, function string) providers.Spec {
			return s.packaged(t, a, function, "a", "raise RuntimeError('no such module')\n")
		},
		Impostor: func(t testing.TB, function string) providers.Spec {
			return s.packaged(t, a, function, "a", "import os\nos.environ['FERRY_DIGEST'] = 'sha256:other'\n"+fmt.Sprintf(application, "one"))
		},
		Bound: func(t testing.TB, function string) providers.Spec {
			return s.packaged(t, a, function, "a", "def on_event(event, ctx):\n    pass\n"+fmt.Sprintf(application, "one"),
				manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1-5", Timezone: "Europe/Berlin"}})
		},
		Observe:   func(t testing.TB, function string) manifest.Function { return observed(t, a, function) },
		Occupy:    func(t testing.TB, function string) { s.occupy(t, a, function) },
		Hold:      func(testing.TB) (<-chan struct{}, func()) { return s.hold("projects.locations.services.patch") },
		Lose:      func(t testing.TB, function string, r providers.Revision) { loseImage(t, a, function, r) },
		Overwrite: func(t testing.TB, function string, r providers.Revision) { overwrite(t, a, function, r) },
	}
}

// application is a module that says its version and a word.
const application = `import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s " + os.environ["WORD"]).encode()]
`

func (s shop) packaged(t testing.TB, a *Adapter, function, word, code string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, word, events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	return providertest.Package(t, a, fn, map[string]string{"app.py": code})
}

// calling calls a function over its address.
func calling(a *Adapter) func(t testing.TB, function string) (version, word string) {
	return func(t testing.TB, function string) (version, word string) {
		t.Helper()
		c, err := a.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.get(t.Context(), function)
		if err != nil || found == nil {
			return "", ""
		}
		res, err := http.Get(found.Uri)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 500 {
			t.Fatalf("%s answers %s: %s (%v)", function, res.Status, body, err)
		}
		if res.StatusCode != http.StatusOK {
			return "", ""
		}
		version, word, _ = strings.Cut(string(body), " ")
		return version, word
	}
}

// observed is what Cloud Run keeps of what serves.
func observed(t testing.TB, a *Adapter, function string) manifest.Function {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.get(t.Context(), function)
	if err != nil || s == nil {
		t.Fatalf("no service: %v", err)
	}
	r, err := c.getRevision(t.Context(), function, s.TrafficStatuses[0].Revision)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.policy(t.Context(), function)
	if err != nil {
		t.Fatal(err)
	}
	timeout, err := time.ParseDuration(r.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	var mega int64
	_, _ = fmt.Sscanf(r.Containers[0].Resources.Limits["memory"], "%dMi", &mega)
	fn := manifest.Function{
		Memory: manifest.Size(mega) * manifest.MB, Timeout: manifest.Duration(timeout), Architecture: "amd64",
		Scaling: manifest.Scaling{Concurrency: int(r.MaxInstanceRequestConcurrency)},
		Events:  []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "private"}}},
	}
	if s.Scaling != nil {
		fn.Scaling.Min = int(s.Scaling.MinInstanceCount)
	}
	if r.Scaling != nil {
		fn.Scaling.Max = int(r.Scaling.MaxInstanceCount)
	}
	if open(p) {
		fn.Events[0].HTTP.Auth = "public"
	}
	return fn
}

// loseImage deletes a revision's image, as a policy of the repository does.
func loseImage(t testing.TB, a *Adapter, function string, r providers.Revision) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.getRevision(t.Context(), function, r.ID)
	if err == nil {
		err = c.removeImage(t.Context(), found)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite sends all requests to a revision, as gcloud run services update-traffic does.
func overwrite(t testing.TB, a *Adapter, function string, r providers.Revision) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	patch := &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{{Type: toRevision, Revision: r.ID, Percent: 100}}}
	op, err := c.run.Projects.Locations.Services.Patch(c.servicePath(function), patch).UpdateMask("traffic").Context(t.Context()).Do()
	if err == nil {
		err = c.finished(t.Context(), op, "traffic")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// occupy makes a service that ferry did not make.
func (s shop) occupy(t testing.TB, a *Adapter, function string) {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := specOf(s.packaged(t, a, function, "", fmt.Sprintf(application, "theirs")))
	image, err := c.image(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	op, err := c.run.Projects.Locations.Services.Create(c.parent(), &run.GoogleCloudRunV2Service{
		Template: &run.GoogleCloudRunV2RevisionTemplate{Containers: []*run.GoogleCloudRunV2Container{{
			Image: image.digest, Env: []*run.GoogleCloudRunV2EnvVar{{Name: "WORD", Value: "-"}},
		}}},
	}).ServiceId(c.serviceName(function)).Context(t.Context()).Do()
	if err == nil {
		err = c.finished(t.Context(), op, "their service")
	}
	if err == nil {
		_, err = c.letIn(t.Context(), function)
	}
	if err != nil {
		t.Fatal(err)
	}
}
