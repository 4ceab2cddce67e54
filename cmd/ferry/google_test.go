//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
)

// onGoogle is a shop with a project of the stand-in for Google, which answers for its functions.
type onGoogle struct {
	*shop
	project *gcptest.Server
}

func newShopOnGoogle(t *testing.T) onGoogle {
	t.Helper()
	s := onGoogle{newShop(t), gcptest.New(t)}
	s.project.AddRepository("ferry")
	s.project.BaseImage("google-24/runtimes/osonly24", "1")
	s.project.Answer(func(map[string]string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	})
	return s
}

// writes makes a version of the shop whose manifest has the project as a target.
func (s onGoogle) writes(version string) {
	s.Helper()
	s.write(version)
	file := filepath.Join(s.dir, version, "ferry.yaml")
	target := fmt.Sprintf("targets:\n  gcp: {provider: gcp, region: %s, repository: %s/%s/ferry}\n", gcptest.Region, s.project.Registry(), gcptest.Project)
	if err := os.WriteFile(file, []byte(shopManifest+target), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s onGoogle) deploys(version string) (int, string) {
	return ran(s.command(version, s.project.Env(), "deploy", "-t", "gcp", "-m", version))
}

// holds has the next request that changes a service wait on its way.
func (s onGoogle) holds() (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	s.project.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation != "projects.locations.services.patch" || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Hold(goes)
	})
	return waits, func() { close(goes) }
}

const inRegion = "v2/projects/" + gcptest.Project + "/locations/" + gcptest.Region + "/services/shop-dev-api"

// asks speaks to Cloud Run as the project's owner does by hand.
func (s onGoogle) asks(method, path, body string, into any) {
	s.Helper()
	req, err := http.NewRequest(method, s.project.Endpoint("run")+inRegion+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.project.AccessToken(gcptest.Deployer))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s %s %v", method, path, res.Status, answer, err)
	}
}

// serving are the revisions that get requests.
func (s onGoogle) serving() []string {
	s.Helper()
	var service struct {
		TrafficStatuses []struct {
			Revision string
			Percent  int
		}
	}
	s.asks("GET", "", "", &service)
	var all []string
	for _, t := range service.TrafficStatuses {
		if t.Percent > 0 {
			all = append(all, t.Revision)
		}
	}
	return all
}

func TestOfTwoDeploysToGoogleAtOnceOneIsDoneAndTheOtherExitsWithAConflict(t *testing.T) {
	t.Parallel()
	s := newShopOnGoogle(t)
	s.writes("one")
	s.writes("two")
	held, goOn := s.holds()
	first := make(chan int, 1)
	go func() {
		code, _ := s.deploys("one")
		first <- code
	}()
	<-held
	if code, out := s.deploys("two"); code != 6 {
		t.Errorf("the second exits %d: %s", code, out)
	}
	goOn()
	if code := <-first; code != 0 {
		t.Errorf("the first exits %d", code)
	}
}

func TestADeployBesideAHandMadeUpdateOfTheTrafficOnGoogleExitsWithAConflict(t *testing.T) {
	t.Parallel()
	s := newShopOnGoogle(t)
	for _, version := range []string{"one", "two", "three"} {
		s.writes(version)
	}
	var served []string
	for _, version := range []string{"one", "two"} {
		if code, out := s.deploys(version); code != 0 {
			t.Fatalf("%s exits %d: %s", version, code, out)
		}
		served = append(served, s.serving()...)
	}
	held, goOn := s.holds()
	ended := make(chan string, 1)
	go func() {
		code, out := s.deploys("three")
		ended <- fmt.Sprintf("%d %s", code, out)
	}()
	<-held
	var done struct{}
	s.asks("PATCH", "?updateMask=traffic", `{"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "`+served[0]+`", "percent": 100}]}`, &done)
	goOn()
	if got := <-ended; !strings.HasPrefix(got, "6 ") {
		t.Errorf("the deploy exits %s", got)
	}
	if got := s.serving(); !slices.Equal(got, served[:1]) {
		t.Errorf("serving is %v, by hand it was %v", got, served[:1])
	}
}
