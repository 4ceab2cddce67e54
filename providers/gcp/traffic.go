package gcp

import (
	"maps"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
)

// The types of a share of the traffic.
const (
	toRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
	toLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
)

// route is how the requests of a service are shared, as Google observes it.
type route struct {
	live    string // the revision that serves; "" is that nothing is live
	canary  string // one that gets a share, "" for none
	percent int    // of the canary
}

// routed reads the traffic of a service as Google observes it. What ferry noted tells only which of two is the canary, and that
// a service which lets nobody in is not live: the traffic itself says which revision serves, whoever wrote it.
func routed(s *run.GoogleCloudRunV2Service) route {
	if s == nil {
		return route{}
	}
	shares := map[string]int{}
	for _, t := range s.TrafficStatuses {
		share(shares, s, t.Type, t.Revision, t.Percent)
	}
	return shared(s, shares)
}

// heading is the traffic as it will be: as it was written last, while that has no effect yet. A change is decided by it.
func heading(s *run.GoogleCloudRunV2Service) route {
	if s == nil || !s.Reconciling {
		return routed(s)
	}
	shares := map[string]int{}
	for _, t := range s.Traffic {
		share(shares, s, t.Type, t.Revision, t.Percent)
	}
	return shared(s, shares)
}

func share(shares map[string]int, s *run.GoogleCloudRunV2Service, kind, revision string, percent int64) {
	if kind == toLatest {
		revision = s.LatestReadyRevision
	}
	if percent > 0 {
		shares[idOf(revision)] += int(percent)
	}
}

func shared(s *run.GoogleCloudRunV2Service, shares map[string]int) route {
	known, _ := noteOf(s.Annotations[noteLive])
	if known == "" {
		return route{}
	}
	r := route{live: known}
	if shares[known] == 0 {
		r.live = ""
	}
	for _, id := range slices.Sorted(maps.Keys(shares)) {
		switch {
		case r.live == "":
			r.live = id
		case id != r.live && r.canary == "":
			r.canary, r.percent = id, shares[id]
		}
	}
	return r
}

// with is the traffic as it is, pinned by name, with a tag for a revision, by which it is reached alone.
func (r route) with(revision string) []*run.GoogleCloudRunV2TrafficTarget {
	all := r.targets()
	for _, t := range all {
		if t.Revision == revision {
			t.Tag = tagOf(revision)
			return all
		}
	}
	return append(all, &run.GoogleCloudRunV2TrafficTarget{Type: toRevision, Revision: revision, Tag: tagOf(revision)})
}

// targets is the traffic by names.
func (r route) targets() []*run.GoogleCloudRunV2TrafficTarget {
	if r.canary == "" {
		return []*run.GoogleCloudRunV2TrafficTarget{{Type: toRevision, Revision: r.live, Percent: 100}}
	}
	return []*run.GoogleCloudRunV2TrafficTarget{
		{Type: toRevision, Revision: r.live, Percent: int64(100 - r.percent)}, {Type: toRevision, Revision: r.canary, Percent: int64(r.percent)},
	}
}

// unreleased is the traffic of a service of which nothing is live: somewhere it has to go, and nobody is let in.
func unreleased(revision string) []*run.GoogleCloudRunV2TrafficTarget {
	return []*run.GoogleCloudRunV2TrafficTarget{{Type: toLatest, Percent: 100}, {Type: toRevision, Revision: revision, Tag: tagOf(revision)}}
}

// addressOf is where a revision is reached by its tag, "" when it has none.
func addressOf(s *run.GoogleCloudRunV2Service, revision string) string {
	for _, t := range s.TrafficStatuses {
		if t.Tag == tagOf(revision) && idOf(t.Revision) == revision {
			return t.Uri
		}
	}
	return ""
}

// note is what an annotation says of a revision.
func note(r providers.Revision) string { return strings.TrimSpace(r.ID + " " + r.Digest) }

func noteOf(text string) (id, digest string) {
	id, digest, _ = strings.Cut(text, " ")
	return id, digest
}

func keysOf(labels map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(labels)), " ")
}
