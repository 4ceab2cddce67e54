package azure

import (
	"sync"
	"time"
)

// sight is what Status saw apps to be. Whoever begins with one that was seen a moment ago need not ask for it again: what decides
// whether it was changed since is its blob and the tag of its package.
type sight struct{ apps sync.Map }

type seenApp struct {
	site *site // nil is that there is none
	at   time.Time
}

func (s *sight) keep(app string, is *site) { s.apps.Store(app, seenApp{is, time.Now()}) }

// of is an app as it was seen, if it was.
func (s *sight) of(app string) (is *site, seen bool) {
	found, _ := s.apps.Load(app)
	one, seen := found.(seenApp)
	return one.site, seen && time.Since(one.at) < sightTime
}

// take is the app as it was seen, once; nil is that it has to be asked for.
func (s *sight) take(app string) *site {
	is, seen := s.of(app)
	s.apps.Delete(app)
	if !seen {
		return nil
	}
	return is
}
