package azure

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// shop is a service of three functions in a subscription of its own.
type shop struct {
	*testing.T
	sources *faults.Shop
	cloud   *azuretest.Cloud
	judge   *Adapter // looks at what serves
	adjust  func(m *manifest.Manifest)
}

func newSources(t *testing.T) *faults.Shop {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return faults.NewShop(t, func(version string) (name, text string) {
		return "run.sh", fmt.Sprintf("#!/bin/sh\nTEST_SAYS=%s exec '%s'\n", version, self)
	})
}

func newShop(t *testing.T, from *faults.Shop) *shop {
	c := azuretest.Start(t)
	c.Polls(0)
	c.RoleLag(0)
	c.Answer(started) // as processes they were most of what a case took
	return &shop{T: t, sources: from, cloud: c, judge: adapterOf(t, c)}
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s *shop) Context() context.Context { return until.Hasten(s.T.Context(), haste) }

// engine is a new process's engine on the sources of a version.
func (s *shop) engine(version string) *release.Engine {
	return s.sources.Engine(version, manifest.Target{Name: "here", Provider: name}, adapterOf(s, s.cloud), manifest.Function{
		Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer, Memory: 512 * manifest.MB,
	}, s.adjust)
}

// network is the shop as faults breaks it.
func (s *shop) network() faults.Network {
	return faults.Network{
		Place:   faults.Place{Functions: s.sources.Functions, Serving: s.serving, Engine: s.engine, Context: s.Context},
		Control: &s.cloud.Control, Left: s.resources,
		Conflict: standin.Fail(409, "AnotherOperationInProgress", "Another operation is in progress. Please try again later."),
		Unfenced: func(c standin.Call) bool { return c.Service != "blob" }, // Resource Manager and One Deploy take no conditions
	}
}

// serving is the version of each function as its address says it: of its code and its environment.
func (s *shop) serving() map[string]string {
	s.Helper()
	c, err := s.judge.connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	found := map[string]string{}
	for _, fn := range s.sources.Functions("") {
		at, err := c.app(fn)
		if err != nil {
			s.Fatal(err)
		}
		said := ask(s, s.cloud, at)
		if said.Code == "" {
			continue
		}
		if said.Env["WORD"] != said.Code {
			s.Errorf("%s has the code of %q and the environment of %q", fn, said.Code, said.Env["WORD"])
		}
		found[fn] = said.Code
	}
	return found
}

func TestNoFaultAtAnyCallBreaksAReleaseOnAzure(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Withstands(t, faults.Options{Every: 400}, func(t *testing.T) faults.Place { return newShop(t, from).network().Place })
}

func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Calls(t, faults.Options{Every: 70}, func(t *testing.T) faults.Network {
		s := newShop(t, from)
		s.adjust = memory
		return s.network()
	})
}

func TestARequestOfAnOvertakenDeployChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Late(t, faults.Options{Every: 80}, func(t *testing.T) faults.Network { return newShop(t, from).network() })
}

// resources are all things in the subscription but blobs, of which there are more or fewer with what happened.
func (s *shop) resources() []string {
	var list []string
	for line := range strings.Lines(s.cloud.Snapshot()) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "blob ") || strings.Contains(line, "/blobs/") || varying.MatchString(line) {
			continue
		}
		list = append(list, line)
	}
	return list
}

var varying = regexp.MustCompile(`revisions/|packages/|releases/|released-package`)
