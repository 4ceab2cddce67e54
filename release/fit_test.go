package release_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestMemoryThatIsNotOnOfferIsRoundedUpAndDeployed(t *testing.T) {
	s := newService(t).all("one")
	s.world.Memory = []manifest.Size{512 * manifest.MB, 2 * manifest.GB}
	r := s.deploy() // 256MB in the manifest
	var told []string
	for _, i := range r.Issues {
		if i.Field == "memory" && i.Severity == providers.Warning && strings.Contains(i.Message, "from 256MB to 512MB") {
			told = append(told, i.Function)
		}
	}
	if strings.Join(told, " ") != "api jobs web" {
		t.Errorf("told of %q: %+v", told, r.Issues)
	}
	if got := s.world.Live("api").Memory; got != 512*manifest.MB {
		t.Errorf("it runs with %s", got)
	}
	if again := s.deploy(); again.Outcome != release.OutcomeUnchanged {
		t.Errorf("the same manifest gave %+v", again)
	}
	s.world.Memory = []manifest.Size{128 * manifest.MB}
	var blocked release.Blocked
	if _, err := s.engine().Plan(t.Context(), nil); !errors.As(err, &blocked) {
		t.Errorf("more than there is gave %v", err)
	}
}

func TestThePlanNamesTheChangesWhoseCodeAndConfigurationGoLiveApart(t *testing.T) {
	s := newService(t).all("one")
	apart := func() (names []string) {
		t.Helper()
		p, err := s.engine().Plan(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range p.Issues {
			if i.Severity == providers.Warning && strings.Contains(i.Message, "one after the other") {
				names = append(names, i.Function)
			}
		}
		return names
	}
	s.world.Pace.Apart = time.Millisecond
	if got := apart(); len(got) > 0 {
		t.Errorf("nothing serves yet, and %q go live apart", got)
	}
	s.deploy()
	s.write(map[string]string{"api": "two", "jobs": "one", "web": "one"})
	if got := apart(); len(got) > 0 {
		t.Errorf("only code changes, and %q go live apart", got)
	}
	s.env = map[string]string{"WORD": "b"}
	if got := apart(); !slices.Equal(got, []string{"api"}) {
		t.Errorf("code and environment of api change, and %q go live apart", got)
	}
	s.world.Pace.Apart = 0
	if got := apart(); len(got) > 0 {
		t.Errorf("the place makes all changes in one step, and %q go live apart", got)
	}
}
