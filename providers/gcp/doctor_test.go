package gcp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// found is what the doctor says of a subject.
func found(t *testing.T, all []providers.Finding, subject string) providers.Finding {
	t.Helper()
	i := slices.IndexFunc(all, func(f providers.Finding) bool { return f.Subject == subject })
	if i < 0 {
		t.Fatalf("nothing is said of %s: %+v", subject, all)
	}
	return all[i]
}

func TestTheDoctorFindsNothingWrongWithAProjectThatIsReady(t *testing.T) {
	p := newProject(t)
	before := p.Snapshot()
	all := p.adapter(t).Diagnose(t.Context(), nil)
	for _, f := range all {
		if f.Level != providers.LevelOK {
			t.Errorf("%+v", f)
		}
	}
	for subject, says := range map[string]string{
		"credentials": gcptest.Deployer, "project": gcptest.Number, "apis": "enabled", "storage": "the first deploy creates it", "artifactregistry": "the first deploy creates it",
	} {
		if f := found(t, all, subject); !strings.Contains(f.Message, says) {
			t.Errorf("of %s it says %q, want %q", subject, f.Message, says)
		}
	}
	if after := p.Snapshot(); after != before {
		t.Errorf("looking changed the project:\n%s", after)
	}
}

func TestAPIsThatAreOffAreNamedAllAtOnceWithTheOneCommandThatHelps(t *testing.T) {
	const command = "run `gcloud services enable run.googleapis.com artifactregistry.googleapis.com --project=" + gcptest.Project + "`"
	off := func(t *testing.T) project {
		p := newProject(t)
		p.DisableAPI("run.googleapis.com")
		p.DisableAPI("artifactregistry.googleapis.com")
		p.DisableAPI("pubsub.googleapis.com")
		return p
	}
	fn := manifest.Function{Name: "api", Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
	t.Run("by the doctor", func(t *testing.T) {
		f := found(t, off(t).adapter(t).Diagnose(t.Context(), []manifest.Function{fn}), "apis")
		if f.Level != providers.LevelFailed || f.Hint != command {
			t.Errorf("it says %+v", f)
		}
	})
	t.Run("by a deploy", func(t *testing.T) {
		_, err := off(t).adapter(t).Status(t.Context(), "api")
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, "run.googleapis.com") || !strings.Contains(e.Hint, "artifactregistry.googleapis.com") {
			t.Errorf("it says %v with the hint %q", err, e.Hint)
		}
	})
}

func TestAPermissionThatIsMissingNamesItselfAndTheRoleThatHasIt(t *testing.T) {
	p := newProject(t)
	p.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "projects.locations.services.get" {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	_, err := p.adapter(t).Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, "run.services.get") || !strings.Contains(e.Hint, "roles/run.developer") {
		t.Fatalf("it says %v with the hint %q", err, e.Hint)
	}
	if f := found(t, p.adapter(t).Diagnose(t.Context(), nil), "run"); f.Level != providers.LevelFailed || f.Hint != e.Hint {
		t.Errorf("the doctor says %+v", f)
	}
}

func TestAProjectOrRegionThatCannotBeIsRefusedBeforeAnythingElse(t *testing.T) {
	p := newProject(t)
	for _, c := range []struct {
		block map[string]any
		says  string
	}{
		{map[string]any{"project": "Not A Project"}, "is not the id of a project"},
		{map[string]any{"region": "Frankfurt"}, "is not a region"},
		{map[string]any{"impersonate": "me"}, "is not a service account"},
		{map[string]any{"repository": "ferry"}, "is not a repository"},
	} {
		_, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "gcp", Block: p.block(c.block), Env: p.Lookup})
		if !errors.Is(err, providers.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v is refused with %v", c.block, err)
		}
	}
	p.Reset()
	_, err := p.adapter(t, map[string]any{"project": "another-project"}).Status(t.Context(), "api")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Error(), "another-project") || !strings.Contains(e.Hint, "roles/browser") {
		t.Errorf("a project that is not there is refused with %v", err)
	}
	for _, call := range p.Calls() {
		if call.Write {
			t.Errorf("%s %s was asked", call.Service, call.Operation)
		}
	}
}
