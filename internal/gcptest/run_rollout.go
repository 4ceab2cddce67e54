package gcptest

import (
	"google.golang.org/api/run/v2"
)

// reconcileLater begins the operation that brings a service into the state that was asked for.
func (s *Server) reconcileLater(c *call, v *runService, verb string) *operation {
	op := &operation{
		work:     Work{API: c.api.name, Verb: verb, Target: v.is.Name},
		metadata: func(*operation) any { return typed("google.cloud.run.v2.Service", v.is) },
	}
	if latest := v.revisions[lastOf(v.is.LatestCreatedRevision)]; latest != nil {
		op.beside = latest.booted
	}
	op.failed = v.fail
	op.finish = func() (any, *failure) {
		if fail := s.reconcile(v); fail != nil {
			return nil, fail
		}
		return typed("google.cloud.run.v2.Service", v.is), nil
	}
	return s.begin(location(regionOf(v.is.Name)), s.uid(), op)
}

// reconcile makes what was asked for so, as far as it can be, and says what cannot: traffic goes where it is to go only when all
// its revisions are ready, and stays where it is until then
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services: "reconciling").
func (s *Server) reconcile(v *runService) *failure {
	latest := v.revisions[lastOf(v.is.LatestCreatedRevision)]
	var configuration *failure
	if latest.fail != nil {
		configuration = notReady(latest)
	} else if latest.ready() {
		v.is.LatestReadyRevision = latest.is.Name
	}
	statuses, routes := s.route(v)
	if routes == nil {
		v.is.TrafficStatuses = statuses
		s.retire(v)
	}
	first := configuration
	if first == nil {
		first = routes
	}
	v.is.ObservedGeneration, v.is.Reconciling = v.is.Generation, false
	v.is.TerminalCondition = condition("Ready", first, succeeded)
	v.is.Conditions = []*run.GoogleCloudRunV2Condition{
		condition("RoutesReady", routes, succeeded), condition("ConfigurationsReady", configuration, succeeded),
	}
	return first
}

// fail ends what goes on with a service: it is not what was asked for, and nothing works on that any more.
func (v *runService) fail(why *failure) {
	v.is.ObservedGeneration, v.is.Reconciling = v.is.Generation, false
	v.is.TerminalCondition = condition("Ready", why, succeeded)
}

// notReady is why a service with a revision that does not start is not ready.
func notReady(r *runRevision) *failure {
	f := *r.fail
	f.message = "Revision '" + r.id() + "' is not ready and cannot serve traffic. " + f.message
	return &f
}

// route finds where traffic goes by what was asked for.
func (s *Server) route(v *runService) ([]*run.GoogleCloudRunV2TrafficTargetStatus, *failure) {
	var out []*run.GoogleCloudRunV2TrafficTargetStatus
	for _, t := range v.is.Traffic {
		id := t.Revision
		if t.Type == toLatest {
			id = lastOf(v.is.LatestReadyRevision)
		}
		r := v.revisions[id]
		switch {
		case id == "":
			return nil, notReady(v.revisions[lastOf(v.is.LatestCreatedRevision)])
		case r == nil:
			return nil, refuse(codeNotFound, "Revision '%s' of service '%s' does not exist.", id, v.id())
		case !r.ready():
			return nil, notReady(r)
		}
		if fail := s.available(v, r); fail != nil {
			return nil, fail
		}
		status := &run.GoogleCloudRunV2TrafficTargetStatus{Type: t.Type, Revision: t.Revision, Percent: t.Percent, Tag: t.Tag}
		if t.Tag != "" {
			status.Uri = s.address(v, t.Tag).url
		}
		out = append(out, status)
	}
	return out, nil
}

// available refuses to send traffic to a revision that has had none and whose image is gone: Cloud Run keeps a copy only while the
// revision serves (https://cloud.google.com/run/docs/deploying#images).
func (s *Server) available(v *runService, r *runRevision) *failure {
	for _, t := range v.is.TrafficStatuses {
		if t.Revision == r.id() || t.Type == toLatest && lastOf(v.is.LatestReadyRevision) == r.id() {
			return nil
		}
	}
	return s.imageThere(r.is.Containers[0].Image)
}

// retire ends the instances of revisions that get no traffic any more.
func (s *Server) retire(v *runService) {
	for id, r := range v.revisions {
		if r.ready() && !v.uses(id) {
			r.pool.drain()
		}
	}
}
