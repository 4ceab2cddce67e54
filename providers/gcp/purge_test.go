package gcp

import (
	"slices"
	"strings"
	"testing"

	secrets "google.golang.org/api/secretmanager/v1"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release/faults"
)

// laden is a tenant whose one function has all that ferry makes for one: events of each kind, two secrets, of which ferry keeps
// one, and a role in the project.
func laden(t *testing.T, from *faults.Shop, via string) *tenant {
	t.Helper()
	s := newTenant(t, from)
	c := s.furnished(t, s.judge)
	s.adjust = func(m *manifest.Manifest) {
		m.Functions = m.Functions[:1]
		fn := &m.Functions[0]
		fn.Events = everyEvent("public")
		fn.Secrets = map[string]string{"OURS": "ours", "THEIRS": "theirs"}
		fn.Config = blockOf(map[string]any{"via": via, "roles": []string{"roles/datastore.user"}})
	}
	err := s.judge.SetSecret(t.Context(), "ours", []byte("x"))
	if err == nil {
		_, err = c.secrets.Projects.Secrets.Create("projects/"+gcptest.Project, &secrets.Secret{
			Replication: &secrets.Replication{Automatic: &secrets.Automatic{}},
		}).SecretId("theirs").Do()
	}
	if err == nil {
		err = c.addVersion(t.Context(), "theirs", []byte("x"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPurgeAfterADeathAtAnyCallLeavesNothing(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Purges(t, faults.Options{Every: 60}, func(t *testing.T) faults.Network { return laden(t, from, byRun).network() })
}

func TestAPurgeOfWhatCloudFunctionsBuildsAfterADeathAtAnyCallLeavesNothing(t *testing.T) {
	t.Parallel()
	from := needsBuilds(t)
	faults.Purges(t, faults.Options{Every: 120}, func(t *testing.T) faults.Network { return laden(t, from, byFunctions).network() })
}

// everything is all that there is in the project, but for the copy of the base image, which is all services'.
func (s *tenant) everything() []string {
	var list []string
	for line := range strings.Lines(s.Snapshot()) {
		list = append(list, varying.ReplaceAllString(strings.TrimSpace(line), "…"))
	}
	return append(list, slices.DeleteFunc(s.Images(), func(image string) bool { return strings.Contains(image, "/ferry-base") })...)
}
