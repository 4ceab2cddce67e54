package gcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// tenant is a service of three functions in a project of its own, whose containers are answered for. The engine works for it,
// each time as a process of its own.
type tenant struct {
	*testing.T
	shop
	sources *faults.Shop
	judge   *Adapter // looks at what serves
	adjust  func(m *manifest.Manifest)
}

func newSources(t *testing.T) *faults.Shop {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	return faults.NewShop(t, func(version string) (name, text string) {
		return "app.py", "def on_event(event, ctx):\n    pass\n" + fmt.Sprintf(application, version)
	})
}

func newTenant(t *testing.T, from *faults.Shop) *tenant {
	t.Helper()
	s := &tenant{T: t, shop: newShop(t), sources: from}
	s.OperationPolls(1)
	s.Answer(imitated)
	s.judge = s.process(t, "shop", "dev")
	return s
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s *tenant) Context() context.Context { return until.Hasten(s.T.Context(), haste) }

// haste is how many times shorter pauses are than in earnest.
const haste = 20

// imitated answers as a function with a shim does, whose code says the word of its environment.
func imitated(variables map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.ferry/probe" && r.Header.Get("Ferry-Instance") == variables[variableInstance] {
			_ = json.NewEncoder(w).Encode(map[string]string{"digest": variables[variableDigest]})
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", variables["WORD"], variables["WORD"])
	})
}

// engine is a new process's engine on the sources of a version.
func (s *tenant) engine(version string) *release.Engine {
	return s.sources.Engine(version, manifest.Target{Name: "gcp", Provider: name}, s.process(s.T, "shop", "dev"), manifest.Function{
		Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI, Memory: 256 * manifest.MB,
	}, s.adjust)
}

// network is the tenant as faults breaks it.
func (s *tenant) network() faults.Network {
	return faults.Network{
		Place:   faults.Place{Functions: s.sources.Functions, Serving: s.serving, Engine: s.engine, Context: s.Context},
		Control: &s.Control, Left: s.resources, Everything: s.everything,
		Conflict: contended(),
	}
}

// contended is how Google says that a thing is not as it was read any more.
func contended() standin.Fault {
	return standin.Fail(http.StatusConflict, "ABORTED", "Conflict for resource 'x': version '1' was specified but current version is '2'.")
}

// serving is the version of each function as its address answers, "" where nobody is let in.
func (s *tenant) serving() map[string]string {
	s.Helper()
	found := map[string]string{}
	call := calling(s.judge)
	for _, fn := range s.sources.Functions("") {
		if version, _ := call(s.T, fn); version != "" {
			found[fn] = version
		}
	}
	return found
}

func TestNoFaultAtAnyCallBreaksAReleaseOnGoogle(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	// Each of these takes as long as some hundred in memory.
	faults.Withstands(t, faults.Options{Every: 640}, func(t *testing.T) faults.Place { return newTenant(t, from).network().Place })
}

func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Calls(t, faults.Options{Every: 56}, func(t *testing.T) faults.Network { return newTenant(t, from).network() })
}

func TestARequestOfAnOvertakenDeployChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Late(t, faults.Options{Every: 40}, func(t *testing.T) faults.Network { return newTenant(t, from).network() })
}

func (s *tenant) deploys(version string) {
	s.Helper()
	if _, err := s.engine(version).Deploy(s.Context(), release.DeployOptions{Message: version}); err != nil {
		s.Fatalf("deploying %s: %v", version, err)
	}
}

// resources are all things in the project but revisions, packages and records, whose numbers differ with what happened.
func (s *tenant) resources() []string {
	var list []string
	for line := range strings.Lines(s.Snapshot()) {
		if line = varying.ReplaceAllString(strings.TrimSpace(line), "…"); !counted.MatchString(line) {
			list = append(list, line)
		}
	}
	return list
}

var (
	varying = regexp.MustCompile(`https?://[^ "]*|[0-9a-f]{16,64}|[A-Z2-7]{40,}|"ferry.dev/write":"[a-z2-7]+"|"FERRY_INSTANCE":"[a-z2-7]+"|"gcp [0-9]+"|-0{3,}[0-9]+(-[a-z]{3})?\b`)
	counted = regexp.MustCompile(`^revision |^object `)
)
