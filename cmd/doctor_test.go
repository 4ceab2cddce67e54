package cmd

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// patient is an adapter with findings of its own.
type patient struct {
	providers.Adapter
	found []providers.Finding
}

func (p patient) Diagnose(context.Context, []manifest.Function) []providers.Finding { return p.found }

func TestADoctorExitsByTheWorstThatItFinds(t *testing.T) {
	fine := providers.Finding{Subject: "region", Level: providers.LevelOK}
	odd := providers.Finding{Subject: "clock", Level: providers.LevelWarning}
	missing := providers.Finding{Subject: "bucket", Level: providers.LevelFailed, Kind: providers.NotFound}
	denied := providers.Finding{Subject: "lambda", Level: providers.LevelFailed, Kind: providers.Denied}
	unknown := providers.Finding{Subject: "credentials", Level: providers.LevelFailed, Kind: providers.Unauthenticated}
	for _, c := range []struct {
		found []providers.Finding
		code  int
	}{
		{nil, exitDone},
		{[]providers.Finding{fine, odd}, exitDone},
		{[]providers.Finding{fine, missing}, exitFailed},
		{[]providers.Finding{missing, denied, missing}, exitCredentials},
		{[]providers.Finding{unknown}, exitCredentials},
	} {
		s := newService(t)
		s.wrap = func(a providers.Adapter) providers.Adapter { return patient{a, c.found} }
		got := s.must(t, c.code, "doctor", "--json")
		var doc struct {
			OK     bool
			Result doctorResult
		}
		if err := json.Unmarshal([]byte(got.out), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.OK != (c.code == exitDone) || doc.Result.Target == nil || len(doc.Result.Target.Findings) != len(c.found) {
			t.Errorf("%v: %s", c.found, got.out)
		}
	}
}
