package release_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/release"
)

// saved packages the service as it is now into a folder, with what that is made from.
func (s *service) saved(made packager.Provenance) string {
	s.Helper()
	dir := filepath.Join(s.TempDir(), "artifacts")
	s.saveTo(dir, made)
	return dir
}

func (s *service) saveTo(dir string, made packager.Provenance, only ...string) {
	s.Helper()
	e := s.engine()
	functions := e.Manifest.Functions
	if len(only) > 0 {
		functions = nil
		for _, name := range only {
			fn, _ := e.Manifest.Function(name)
			functions = append(functions, fn)
		}
	}
	for _, fn := range functions {
		b, err := e.Packager.Bill(s.Context(), fn, e.Adapter.Platform(fn))
		if err != nil {
			s.Fatal(err)
		}
		b.Provenance = made
		if _, err := packager.Save(b, dir); err != nil {
			s.Fatal(err)
		}
	}
}

// deployAt deploys from a checkout, and with a folder what was saved there.
func (s *service) deployAt(commit, from string, functions ...string) *release.Result {
	s.Helper()
	e := s.engine()
	e.Origin.Commit, e.Packager.From = commit, from
	r, err := e.Deploy(s.Context(), release.DeployOptions{Functions: functions})
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// newestSummary is the line of the newest release, without what is not about its making.
func (s *service) newestSummary() release.Summary {
	s.Helper()
	list, err := s.engine().Releases(s.Context(), 1)
	if err != nil || len(list.Releases) != 1 {
		s.Fatal(list, err)
	}
	r := list.Releases[0]
	return release.Summary{Kind: r.Kind, Commit: r.Commit, Dirty: r.Dirty, Made: r.Made, Checkout: r.Checkout}
}

func at(commit string, dirty bool, hour int) packager.Provenance {
	return packager.Provenance{Commit: commit, Dirty: dirty, Ferry: "test", Time: time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC)}
}

func TestAReleaseOfSavedPackagesNamesTheCommitTheyWereMadeFrom(t *testing.T) {
	s := newService(t).all("one")
	saved := s.saved(at("zzz", true, 9))
	checkout := &packager.Provenance{Commit: "www", Ferry: "test"}
	if r := s.deployAt("www", saved); r.Commit != "zzz" || !r.Dirty {
		t.Errorf("the result names %s", r.Commit)
	}
	s.same("the release", s.newestSummary(), release.Summary{
		Kind: release.KindDeploy, Commit: "zzz", Dirty: true, Made: map[string]packager.Provenance{}, Checkout: checkout,
	})

	s.all("two")
	s.saveTo(saved, at("yyy", false, 10))
	s.saveTo(saved, at("xxx", false, 11), "web")
	s.deployAt("www", saved)
	s.same("a release of packages of two commits", s.newestSummary(), release.Summary{
		Kind: release.KindDeploy, Commit: "xxx", Checkout: checkout,
		Made: map[string]packager.Provenance{"api": at("yyy", false, 10), "jobs": at("yyy", false, 10)},
	})

	if r := s.rollback(1); r.Commit != "zzz" || !r.Dirty {
		t.Errorf("the rollback names %s", r.Commit)
	}
	s.same("the rollback", s.newestSummary(), release.Summary{
		Kind: release.KindRollback, Commit: "zzz", Dirty: true, Made: map[string]packager.Provenance{},
	})
	s.rollback(2)
	s.same("the rollback to several commits", s.newestSummary(), release.Summary{
		Kind: release.KindRollback, Commit: "xxx",
		Made: map[string]packager.Provenance{"api": at("yyy", false, 10), "jobs": at("yyy", false, 10)},
	})
}

func TestADeployOfSomeFunctionsSaysWhatTheOthersWereMadeFrom(t *testing.T) {
	s := newService(t).all("one")
	s.deployAt("aaa", "")
	s.all("two")
	s.deployAt("bbb", "", "api")
	others := packager.Provenance{Commit: "aaa", Ferry: "test"}
	s.same("the release", s.newestSummary(), release.Summary{
		Kind: release.KindDeploy, Commit: "bbb", Made: map[string]packager.Provenance{"jobs": others, "web": others},
	})
}

func TestAPackageFromTheCacheIsOfTheCheckoutThatIsDeployed(t *testing.T) {
	s := newService(t).all("one")
	s.deployAt("aaa", "")
	s.env = map[string]string{"WORD": "a"}
	s.deployAt("bbb", "")
	s.same("the release", s.newestSummary(), release.Summary{Kind: release.KindDeploy, Commit: "bbb", Made: map[string]packager.Provenance{}})
}
