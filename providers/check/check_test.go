package check_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// said are severities, fields and messages.
func said(issues []providers.Issue) []string {
	var all []string
	for _, i := range issues {
		all = append(all, string(i.Severity)+" "+i.Field+": "+i.Message+" ("+i.Hint+")")
	}
	return all
}

func TestATableSaysInItsOrderWhatIsWrongWithAFunction(t *testing.T) {
	form := regexp.MustCompile(`^role/`)
	got := check.Function("api",
		check.When(false).Block("a", "", "never"),
		check.When(true).Warn("a", "leave it", "%d are %s", 2, "many"),
		check.Forms("role", form, "a role", "role/a", "", "b"),
		check.OneOf("tracing", "", "tracing mode", "on", "off"),
		check.OneOf("tracing", "half", "tracing mode", "on", "off", "auto"),
	)
	want := []string{
		"warning a: 2 are many (leave it)",
		`blocker role: "b" is not a role (write a role)`,
		`blocker tracing: "half" is not a tracing mode (choose on, off or auto)`,
	}
	if diff := cmp.Diff(want, said(got)); diff != "" {
		t.Error(diff)
	}
	if slices.ContainsFunc(got, func(i providers.Issue) bool { return i.Function != "api" }) {
		t.Errorf("an issue is not of the function: %+v", got)
	}
}

func TestARangeHasItsEndsAndWholeStepsOnly(t *testing.T) {
	sizes := check.Range[manifest.Size]{Least: 128 * manifest.MB, Most: manifest.GB, Step: manifest.MB, Unit: "whole megabytes"}
	for v, want := range map[manifest.Size]bool{
		127 * manifest.MB: false, 128 * manifest.MB: true, 128*manifest.MB + 1: false, manifest.GB: true, manifest.GB + manifest.MB: false, 0: false,
	} {
		if got := sizes.Block("memory", v, "there is no %s", v); (len(got) == 0) != want {
			t.Errorf("of %s it says %v", v, said(got))
		}
	}
	if got := sizes.Steps(); got.Least != sizes.Least || got.Step != sizes.Step {
		t.Errorf("its steps are %+v", got)
	}
	want := []string{"blocker memory: there is no 64MB (choose whole megabytes from 128MB to 1GB)"}
	if diff := cmp.Diff(want, said(sizes.Block("memory", 64*manifest.MB, "there is no %s", 64*manifest.MB))); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesThatTheProviderSetsOrDoesNotTakeAreNamed(t *testing.T) {
	v := check.Variables{Provider: "Cloud", Reserved: []string{"HOST", "CLOUD_*"}, Form: regexp.MustCompile(`^[A-Z]+$`), Hint: "use capitals"}
	fn := manifest.Function{Env: map[string]string{"HOST": "", "HOSTS": "", "CLOUD_ID": "", "low": ""}, Secrets: map[string]string{"HOST": "s"}}
	want := []string{
		"blocker env.CLOUD_ID: Cloud sets CLOUD_ID itself (choose another name)",
		"blocker env.HOST: Cloud sets HOST itself (choose another name)",
		"blocker env.low: Cloud does not accept a variable named low (use capitals)",
		"blocker secrets.HOST: Cloud sets HOST itself (choose another name)",
	}
	if diff := cmp.Diff(want, said(v.Block(fn))); diff != "" {
		t.Error(diff)
	}
	if got := (check.Variables{}).Block(fn); len(got) > 0 {
		t.Errorf("without rules it says %v", said(got))
	}
}

func TestTheEndOfARuntimeIsWarnedOfHalfAYearBefore(t *testing.T) {
	r := check.Runtime{ID: "node22", Ends: check.Day(2027, time.April, 30)}
	got := r.Lifetime("Cloud", "it refuses new functions", "choose node24")
	if len(got) != 2 || got[0].Severity != providers.Warning || got[1].Severity != providers.Blocker ||
		!got[0].From.Equal(r.Ends.AddDate(0, 0, -180)) || !got[1].From.Equal(r.Ends) {
		t.Fatalf("got %+v", got)
	}
	for _, i := range got {
		if i.Field != "runtime" || i.Hint != "choose node24" || !strings.Contains(i.Message, "node22 on 2027-04-30") {
			t.Errorf("it says too little: %+v", i)
		}
	}
	if got := (check.Runtime{ID: "node26", Preview: true}).Lifetime("Cloud", "", ""); len(got) != 1 || got[0].Severity != providers.Warning || !got[0].From.IsZero() {
		t.Errorf("of a preview it says %+v", got)
	}
	if got := (check.Runtime{ID: "node26"}).Lifetime("Cloud", "", ""); len(got) > 0 {
		t.Errorf("of a runtime without an end it says %+v", got)
	}
}
