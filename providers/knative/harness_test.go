package knative

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// tenant is a service in a cluster of its own, whose revisions are answered for. The engine works for it, each time as a
// process of its own.
type tenant struct {
	*testing.T
	stand
	sources *faults.Shop
}

func newSources(t *testing.T) *faults.Shop {
	needPython(t)
	return faults.NewShop(t, func(version string) (name, text string) {
		return "app.py", recorder + fmt.Sprintf(application, version)
	})
}

func newTenant(t *testing.T, from *faults.Shop) tenant {
	t.Helper()
	return tenantOf(t, newCluster(t), from)
}

func tenantOf(t *testing.T, c stand, from *faults.Shop) tenant {
	c.Answer(imitated)
	return tenant{t, c, from}
}

// imitated answers as a function with a shim does, whose code says the word of its environment.
func imitated(variables map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") == variables["FERRY_INSTANCE"] {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables["FERRY_DIGEST"]})
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", variables["WORD"], variables["WORD"])
	})
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s tenant) Context() context.Context { return s.hasty(s.T) }

// engine is a new process's engine on the sources of a version.
func (s tenant) engine(version string) *release.Engine {
	like := s.function("", "")
	like.Handler, like.Runtime, like.Style = "app:app", "python3.13", manifest.StyleWSGI
	return s.sources.Engine(version, manifest.Target{Name: "cluster", Provider: name}, s.process(s.T, "shop", "dev"), like, nil)
}

// serving is the version of each function as its address answers, "" where nobody is let in.
func (s tenant) serving() map[string]string {
	s.Helper()
	found, judge := map[string]string{}, s.process(s.T, "shop", "dev")
	for _, fn := range s.sources.Functions("") {
		if version, _ := s.call(s.T, judge, fn); version != "" {
			found[fn] = version
		}
	}
	return found
}

// network is the tenant as faults breaks it.
func (s tenant) network() faults.Network {
	return faults.Network{
		Place:   faults.Place{Functions: s.sources.Functions, Serving: s.serving, Engine: s.engine, Context: s.Context},
		Control: &s.Control, Left: s.left,
		Conflict: standin.Fail(http.StatusConflict, "Conflict", "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again"),
	}
}

// left are all objects but revisions and records, whose numbers differ with what happened.
func (s tenant) left() []string {
	counted := regexp.MustCompile(`^(revisions|configmaps)`)
	return slices.DeleteFunc(s.Snapshot(), func(o string) bool { return counted.MatchString(o) })
}

func TestNoFaultAtAnyCallBreaksAReleaseOnKnative(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Withstands(t, faults.Options{Every: 800}, func(t *testing.T) faults.Place { return newTenant(t, from).network().Place })
}

func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Calls(t, faults.Options{Every: 56}, func(t *testing.T) faults.Network { return newTenant(t, from).network() })
}

func TestARequestOfAnOvertakenDeployChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Late(t, faults.Options{Every: 20}, func(t *testing.T) faults.Network { return newTenant(t, from).network() })
}
