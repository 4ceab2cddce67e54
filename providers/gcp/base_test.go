package gcp

import (
	"slices"
	"strings"
	"testing"

	reference "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
)

func TestABaseImageStaysWhatItWasUntilItIsRefreshed(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.adjust = func(m *manifest.Manifest) { m.Functions = m.Functions[:1] }
	const image = "google-22/runtimes/python313"
	// edition is the one below what serves, and the one that a plan would go over to.
	edition := func(refresh bool) (before, after string) {
		t.Helper()
		e := s.engine("two")
		e.RefreshBase = refresh
		p, err := e.Plan(s.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			if at := slices.IndexFunc(c.Fields, func(f release.FieldChange) bool { return f.Path == "base" }); at >= 0 {
				before, _ = c.Fields[at].From.(string)
				after, _ = c.Fields[at].To.(string)
			}
		}
		return before, after
	}
	s.deploys("one")
	s.BaseImage(image, "2")
	s.deploys("two")
	if from, to := edition(false); from+to != "" {
		t.Errorf("unasked, the base goes from %q to %q", from, to)
	}
	from, to := edition(true)
	if !strings.Contains(from, image+"@sha256:") || !strings.Contains(to, image+"@sha256:") || from == to {
		t.Fatalf("a refreshed base goes from %q to %q", from, to)
	}
	e := s.engine("two")
	e.RefreshBase = true
	if _, err := e.Deploy(s.Context(), release.DeployOptions{Message: "two"}); err != nil {
		t.Fatal(err)
	}
	if again, _ := edition(true); again != "" {
		t.Errorf("the base is not the newest: %q", again)
	}
	if from, to := edition(false); from+to != "" {
		t.Errorf("after it was refreshed, the base goes from %q to %q", from, to)
	}
	if _, err := s.engine("two").Rollback(s.Context(), release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	if back, _ := edition(true); back != from {
		t.Errorf("rolled back, the base is %q, not %q", back, from)
	}
}

func TestABaseImageForSeveralPlatformsIsCopiedOnce(t *testing.T) {
	t.Parallel()
	s := newTenant(t, newSources(t))
	s.adjust = func(m *manifest.Manifest) { m.Functions = m.Functions[:1] }
	s.deploys("one")
	c, err := s.judge.connect(s.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := c.registries()
	options := []remote.Option{remote.WithTransport(r.Transport), remote.WithAuthFromKeychain(r.Keys), remote.WithPlatform(r.Platform)}
	copied, err := reference.ParseReference(c.copies() + ":python313")
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(copied, options...)
	if err != nil {
		t.Fatal(err)
	}
	several := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &r.Platform}})
	digest, err := several.Digest()
	if err != nil {
		t.Fatal(err)
	}
	at, err := reference.NewDigest(c.repository() + "/several@" + digest.String())
	if err == nil {
		err = remote.WriteIndex(at, several, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.adjust = func(m *manifest.Manifest) {
		m.Functions = m.Functions[:1]
		m.Functions[0].Config = blockOf(map[string]any{"base_image": at.String()})
	}
	s.deploys("two")
	s.Reset()
	s.deploys("three")
	for _, call := range s.Calls() {
		if strings.Contains(call.Resource, "/several/") {
			t.Errorf("its copy is there, and yet %s asks for %s", call.Operation, call.Resource)
		}
	}
}
