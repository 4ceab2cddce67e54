package azure

import (
	"errors"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

func TestADeployThatNeedsMoreCoresThanTheRegionHasIsRefusedWithBothNumbers(t *testing.T) {
	t.Parallel()
	s := newShop(t, newSources(t))
	s.cloud.Quota(1)
	warm := map[string]int{"one": 3, "two": 8}
	s.adjust = func(m *manifest.Manifest) {
		m.Functions[0].Scaling.Min = warm[m.Digest]
	}
	s.deploys("one")
	s.cloud.Reset()
	_, err := s.engine("two").Deploy(s.Context(), release.DeployOptions{Message: "two"})
	if !errors.Is(err, providers.Limit) || !strings.Contains(err.Error(), "1.25 cores more, and westeurope has") || hint(err) != moreCores {
		t.Errorf("%v, hint %q", err, hint(err))
	}
	for _, c := range s.cloud.Calls() {
		if c.Write && c.Service != "login" {
			t.Errorf("%s of %s was sent", c.Operation, c.Resource)
		}
	}
	s.serves("one")
	s.cloud.Quota(5)
	s.deploys("two")
}

func TestTheDoctorReadsWhatTheRegionOffers(t *testing.T) {
	t.Parallel()
	c := azuretest.Start(t)
	c.Quota(40)
	known := manifest.Function{Name: "api", Runtime: "nodejs24", Style: manifest.StyleFetch}
	early := manifest.Function{Name: "early", Runtime: "python3.14", Style: manifest.StyleWSGI}
	for _, one := range []struct {
		location, subject string
		level             providers.Level
		says              string
	}{
		{"westeurope", "Flex Consumption", providers.LevelOK, "offered in westeurope"},
		{"japaneast", "Flex Consumption", providers.LevelFailed, "japaneast does not offer Flex Consumption"},
		{"westeurope", "runtimes", providers.LevelFailed, "westeurope does not offer python 3.14"},
		{"westeurope", "cores", providers.LevelOK, "0 of 40 are in use"},
	} {
		a := newAdapter(t, c.Env, "shop", "dev", `{"resource_group": "shop", "location": "`+one.location+`"}`)
		found := false
		for _, f := range a.Diagnose(t.Context(), []manifest.Function{known, early}) {
			if f.Subject == one.subject {
				found = f.Level == one.level && strings.Contains(f.Message, one.says)
				if !found {
					t.Errorf("%s in %s: %s %s", one.subject, one.location, f.Level, f.Message)
				}
			}
		}
		if !found {
			t.Errorf("nothing is said of %s", one.subject)
		}
	}
}
