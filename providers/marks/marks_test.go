package marks_test

import (
	"maps"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

func syntaxes() map[string]marks.Syntax {
	return map[string]marks.Syntax{
		"tags":                  {Prefix: "ferry:"},
		"labels":                {Prefix: "ferry-", Value: names.Rule{Most: 63, Spell: names.Lower}.Of},
		"labels with a domain":  {Prefix: "ferry.dev/", Value: names.Rule{Most: 63}.Of},
		"tags without a prefix": {},
	}
}

func TestAThingIsOwnedByExactlyWhoItWasMadeFor(t *testing.T) {
	owners := []marks.Owner{
		{Service: "shop", Stage: "dev", Function: "api"},
		{Service: "shop", Stage: "dev", Function: "web"},
		{Service: "shop", Stage: "prod", Function: "api"},
		{Service: "shops", Stage: "dev", Function: "api"},
		{Service: "shop", Stage: "dev"},
		{Service: "shop", Stage: "Dev", Function: "api"},
	}
	for of, s := range syntaxes() {
		for _, made := range owners {
			tags := s.Of(made)
			tags["team"] = "a"
			for _, asked := range owners {
				if got := s.Owned(tags, asked); got != (made == asked) {
					t.Errorf("%s: what was made for %+v is of %+v: %t", of, made, asked, got)
				}
			}
		}
		if s.Owned(nil, owners[0]) || s.Owned(map[string]string{s.Key("service"): "shop"}, owners[0]) {
			t.Errorf("%s: what has no marks is owned", of)
		}
	}
}

func TestMarksAreWrittenAsTheProviderTakesThem(t *testing.T) {
	s := syntaxes()["labels"]
	form := regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	for key, value := range s.Of(marks.Owner{Service: "shop", Stage: "dev", Function: "sha256:ABC"}) {
		if !form.MatchString(key) || !form.MatchString(value) || !s.Ours(key) {
			t.Errorf("%s=%s is no label", key, value)
		}
	}
	if s.Ours("team") {
		t.Error("a tag of somebody else is ferry's")
	}
}

func TestAChangeOfTagsLeavesThoseOfOthers(t *testing.T) {
	has := map[string]string{"ferry:service": "shop", "team": "a", "cost": "b", "theirs": "c"}
	want := map[string]string{"ferry:service": "shop", "team": "x", "new": "d"}
	gone, left := marks.Change(want, has, "team", "cost", "never")
	if diff := cmp.Diff([]string{"cost"}, gone); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "x", "new": "d"}, left); diff != "" {
		t.Error(diff)
	}
	for _, key := range gone {
		delete(has, key)
	}
	maps.Copy(has, left)
	if gone, left := marks.Change(want, has); len(gone)+len(left) > 0 || has["theirs"] != "c" {
		t.Errorf("a second change has %v and %v to do", gone, left)
	}
}
