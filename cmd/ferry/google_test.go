//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
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

// cloud is the project as a target of the shop.
func (s onGoogle) cloud() cloud {
	block := fmt.Sprintf("{provider: gcp, region: %s, repository: %s/%s/ferry}", gcptest.Region, s.project.Registry(), gcptest.Project)
	return cloud{s.shop, block, s.project.Env(), s.project.Intercept, "projects.locations.services.patch"}
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

func TestADeployBesideAHandMadeUpdateOfTheTrafficOnGoogleExitsWithAConflict(t *testing.T) {
	t.Parallel()
	s := newShopOnGoogle(t)
	at := s.cloud()
	for _, version := range []string{"one", "two", "three"} {
		at.writes(version)
	}
	var served []string
	for _, version := range []string{"one", "two"} {
		if code, out := at.deploys(version); code != 0 {
			t.Fatalf("%s exits %d: %s", version, code, out)
		}
		served = append(served, s.serving()...)
	}
	held, goOn := at.holds()
	ended := make(chan string, 1)
	go func() {
		code, out := at.deploys("three")
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
