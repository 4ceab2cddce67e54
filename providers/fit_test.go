package providers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// offering is a provider that is asked for nothing but what it offers.
type offering struct {
	providers.Adapter
	able providers.Capabilities
}

func (o offering) Capabilities() providers.Capabilities { return o.able }

func (o offering) Check(manifest.Function) []providers.Issue { return nil }

func (o offering) Platform(manifest.Function) packager.Platform {
	return packager.Platform{Shim: "local"}
}

func TestAValueBetweenTwoStepsIsRoundedUpWithAWarningThatNamesBoth(t *testing.T) {
	listed := offering{able: providers.Capabilities{Memory: providers.Steps[manifest.Size]{
		Values: []manifest.Size{512 * manifest.MB, 2 * manifest.GB, 4 * manifest.GB},
	}}}
	stepped := offering{able: providers.Capabilities{
		Memory:  providers.Steps[manifest.Size]{Least: 128 * manifest.MB, Step: manifest.MB},
		Timeout: providers.Steps[manifest.Duration]{Least: manifest.Duration(time.Second), Step: manifest.Duration(time.Second)},
	}}
	for _, c := range []struct {
		a             offering
		memory        manifest.Size
		timeout       time.Duration
		wantMemory    manifest.Size
		wantTimeout   time.Duration
		field, naming string // of the warning; "" is none
	}{
		{listed, 512 * manifest.MB, 1, 512 * manifest.MB, 1, "", ""},
		{listed, 513 * manifest.MB, 1, 2 * manifest.GB, 1, "memory", "from 513MB to 2GB: this target offers 512MB, 2GB, 4GB"},
		{listed, 128 * manifest.MB, 1, 512 * manifest.MB, 1, "memory", "from 128MB to 512MB"},
		{listed, 5 * manifest.GB, 1, 5 * manifest.GB, 1, "", ""}, // for Check to refuse
		{stepped, 300 * manifest.MB, time.Minute, 300 * manifest.MB, time.Minute, "", ""},
		{stepped, 64 * manifest.MB, time.Minute, 128 * manifest.MB, time.Minute, "memory", "from 64MB to 128MB: this target offers 128MB or more in steps of 1MB"},
		{stepped, 129*manifest.MB + manifest.KB, time.Minute, 130 * manifest.MB, time.Minute, "memory", "to 130MB"},
		{stepped, 128 * manifest.MB, 1500 * time.Millisecond, 128 * manifest.MB, 2 * time.Second, "timeout", "from 1500ms to 2s"},
		{offering{}, 3 * manifest.KB, 7, 3 * manifest.KB, 7, "", ""},
	} {
		asked := manifest.Function{Name: "api", Runtime: "custom", Style: manifest.StyleServer, Memory: c.memory, Timeout: manifest.Duration(c.timeout)}
		got, issues := providers.Fit(c.a, asked)
		if got.Memory != c.wantMemory || got.Timeout.Std() != c.wantTimeout {
			t.Errorf("%s and %s became %s and %s", c.memory, c.timeout, got.Memory, got.Timeout)
		}
		switch {
		case c.field == "" && len(issues) == 0:
		case len(issues) != 1 || issues[0].Severity != providers.Warning || issues[0].Field != c.field || !strings.Contains(issues[0].Message, c.naming):
			t.Errorf("%s and %s raised %+v", c.memory, c.timeout, issues)
		}
		if again, more := providers.Fit(c.a, got); len(more) > 0 || again.Memory != got.Memory || again.Timeout != got.Timeout {
			t.Errorf("fitting what fits made %+v of it, with %+v", again, more)
		}
	}
}

func TestAStyleThatATargetDoesNotServeIsABlocker(t *testing.T) {
	fn := manifest.Function{Name: "api", Runtime: "nodejs22", Style: manifest.StyleWSGI}
	_, issues := providers.Fit(offering{}, fn)
	if len(issues) != 1 || issues[0].Severity != providers.Blocker || issues[0].Field != "style" || !strings.Contains(issues[0].Hint, "style: fetch") {
		t.Errorf("got %+v", issues)
	}
	fn.Style = manifest.StyleFetch
	if _, issues := providers.Fit(offering{}, fn); len(issues) > 0 {
		t.Errorf("what is served raised %+v", issues)
	}
}
