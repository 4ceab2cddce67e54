package platform

import (
	"math/rand/v2"
	"slices"
)

// route is where the requests of a live function go.
type route struct {
	live    *pool
	canary  *pool // nil unless the requests are split
	percent int   // of the requests that the canary gets
}

// choose picks the revision for one request, nil when nothing is live. Each request is chosen by itself.
func (s *service) choose(function string) *pool {
	r := (*s.routes.Load())[function]
	if r.canary != nil && rand.IntN(100) < r.percent { //nolint:gosec // a share needs no secret
		return r.canary
	}
	return r.live
}

// newRoute is the route of an entry, with those pools of the old one that it still needs. Of an entry that
// cannot be read whole it returns what can.
func (s *service) newRoute(function string, e Entry, old route) (r route, err error) {
	if e.Revision == "" {
		return r, nil
	}
	if r.live, err = s.pool(function, e.Revision, old); err != nil || e.Canary == nil {
		return r, err
	}
	r.canary, err = s.pool(function, e.Canary.Revision, old)
	r.percent = e.Canary.Percent
	return r, err
}

// pool is the pool of a revision: the old one's if it has it, else a new one that starts nothing yet.
func (s *service) pool(function, id string, old route) (*pool, error) {
	for _, p := range old.pools() {
		if p.revision.ID == id {
			return p, nil
		}
	}
	r, err := s.host.home.Revision(s.scope, function, id)
	if err != nil {
		return nil, err
	}
	return newPool(s.host, s.scope, function, r, s.journal(function), s.statsOf(function)), nil
}

// pools are those of the route.
func (r route) pools() []*pool {
	return slices.DeleteFunc([]*pool{r.live, r.canary}, func(p *pool) bool { return p == nil })
}

// without are the pools that another route does not have.
func (r route) without(other route) []*pool {
	kept := other.pools()
	return slices.DeleteFunc(r.pools(), func(p *pool) bool { return slices.Contains(kept, p) })
}
