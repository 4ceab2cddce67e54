package providers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

func TestOnlyWhatDiffersIsADifferenceAndSecretsAreNotShown(t *testing.T) {
	var d providers.Differences
	d.Compare("memory", "256", "256")
	d.Compare("timeout", "30", "60")
	d.CompareHidden("env", map[string]string{"A": "x"}, map[string]string{"A": "x"})
	d.CompareHidden("secrets", map[string]string{"A": "x"}, map[string]string{"A": "y"})
	want := providers.Differences{{Path: "timeout", Spec: "30", Actual: "60"}, {Path: "secrets", Spec: "•••", Actual: "••• (other values)"}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"timeout", "secrets"}, d.Paths()); diff != "" {
		t.Error(diff)
	}
}
