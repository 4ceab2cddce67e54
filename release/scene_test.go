package release

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

func TestTheSameFilesInOtherZipBytesAreNoChange(t *testing.T) {
	fn := manifest.Function{Name: "api", Handler: "app.js"}
	stored := recordOf(fn, nil, packager.Description{Digest: "sha256:tree", ZipDigest: "sha256:before", Size: 10})
	built := recordOf(fn, nil, packager.Description{Digest: "sha256:tree", ZipDigest: "sha256:after", Size: 11})
	other := recordOf(manifest.Function{Name: "web"}, nil, packager.Description{Digest: "sha256:new", ZipDigest: "sha256:new"})
	s := &scene{live: &Record{Functions: map[string]FunctionRecord{"api": stored}}}
	g := &goods{
		functions: map[string]FunctionRecord{"api": built, "web": other},
		built:     map[string]packager.Artifact{"api": {Path: "api.zip"}, "web": {Path: "web.zip"}},
	}
	g.reuse(s)
	if diff := cmp.Diff(map[string]FunctionRecord{"api": stored, "web": other}, g.functions); diff != "" {
		t.Errorf("the functions (-want +got):\n%s", diff)
	}
	if _, left := g.built["api"]; left || g.built["web"].Path == "" {
		t.Errorf("built is %+v: the stored package of api is the one to publish", g.built)
	}
}

func TestAFenceIsUsedOnlyForTheRevisionThatItWasGivenFor(t *testing.T) {
	first, second := providers.Revision{ID: "1"}, providers.Revision{ID: "2"}
	live := &Record{Number: 4, Functions: map[string]FunctionRecord{"api": {Revision: first}, "web": {Revision: first}}}
	s := &scene{
		live: live, head: head{}.advance(live, map[string]string{"api": "a", "web": "w"}),
		states: map[string]providers.State{"api": {Revision: &first}, "web": {Revision: &second}},
	}
	s.recall()
	if s.states["api"].Fence != "a" || s.states["web"].Fence != "" {
		t.Errorf("the states are %+v", s.states)
	}
	next := s.head.advance(&Record{Number: 5, Functions: live.Functions}, map[string]string{"web": "new"})
	if diff := cmp.Diff(map[string]string{"api": "a", "web": "new"}, next.Fences); diff != "" {
		t.Errorf("after web was activated alone (-want +got):\n%s", diff)
	}
}
