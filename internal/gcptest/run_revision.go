package gcptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

// runRevision is a revision of a service: a template that is never changed.
type runRevision struct {
	is       *run.GoogleCloudRunV2Revision
	template string        // what it was made of, to compare
	booted   chan struct{} // closed when it is known whether its container starts
	fail     *failure      // why it is not ready; valid when booted
	pool     *pool
}

func (r *runRevision) id() string { return lastOf(r.is.Name) }

// ready says whether requests may go to the revision.
func (r *runRevision) ready() bool { return closed(r.booted) && r.fail == nil }

func (r *runRevision) stop() { r.pool.stop() }

// templateKey is a template to compare. What names the client makes no difference.
func templateKey(t *run.GoogleCloudRunV2RevisionTemplate) string {
	fields := plain(t)
	delete(fields, "client")
	delete(fields, "clientVersion")
	data, _ := json.Marshal(fields) // they came from JSON
	return string(data)
}

// checkRevision refuses a template whose revision has a name that another has
// (https://cloud.google.com/run/docs/reference/rest/v2/RevisionTemplate: "The unique name for the revision").
func (s *Server) checkRevision(c *call, v *runService, was *run.GoogleCloudRunV2Service) *failure {
	if v.is.Template.Revision == "" || !s.changes(c, v, was) {
		return nil
	}
	if v.revisions[v.is.Template.Revision] != nil {
		return refuse(codeAlreadyExists, "Revision named '%s' with different configuration already exists.", v.is.Template.Revision)
	}
	return nil
}

// changes says whether an update makes a new revision.
func (s *Server) changes(c *call, v *runService, was *run.GoogleCloudRunV2Service) bool {
	return was == nil || c.query.Get("forceNewRevision") == "true" || templateKey(v.is.Template) != templateKey(was.Template)
}

// revise begins a new generation of a service, with a new revision where the template has changed.
func (s *Server) revise(c *call, v *runService, was *run.GoogleCloudRunV2Service) *failure {
	if fail := s.checkRevision(c, v, was); fail != nil {
		return fail
	}
	v.is.Generation++
	v.is.UpdateTime, v.is.Reconciling = now(), true
	v.is.Etag = fmt.Sprintf(`"%s"`, encode(fmt.Appendf(nil, "%s/%d", v.is.Uid, v.is.Generation)))
	v.is.TerminalCondition = condition("Ready", nil, "CONDITION_RECONCILING")
	if !s.changes(c, v, was) {
		return nil
	}
	v.count++
	id := v.is.Template.Revision
	if id == "" {
		id = fmt.Sprintf("%s-%05d-%s", v.id(), v.count, letters(s.next()))
	}
	r := &runRevision{is: revisionOf(v.is, id), template: templateKey(v.is.Template), booted: make(chan struct{})}
	r.is.Uid, r.is.Creator = s.uid(), c.caller
	r.pool = newPool(s, v.id(), r)
	v.revisions[id] = r
	v.is.LatestCreatedRevision = r.is.Name
	s.boot(r)
	return nil
}

// letters are three that end the name of a revision that the system names.
func letters(n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz"
	k := len(alphabet)
	return string([]byte{alphabet[n/k/k%k], alphabet[n/k%k], alphabet[n%k]})
}

func revisionOf(is *run.GoogleCloudRunV2Service, id string) *run.GoogleCloudRunV2Revision {
	fields := plain(is.Template)
	delete(fields, "revision")
	delete(fields, "healthCheckDisabled")
	r := typedAs[run.GoogleCloudRunV2Revision](fields)
	r.Name, r.Service = is.Name+"/revisions/"+id, lastOf(is.Name)
	r.Generation, r.CreateTime, r.UpdateTime, r.Reconciling = 1, now(), now(), true
	r.LaunchStage = is.LaunchStage
	r.Etag = fmt.Sprintf(`"%s"`, encode([]byte(r.Name)))
	r.LogUri = "https://console.cloud.google.com/logs/viewer?project=" + Project + "&resource=cloud_run_revision/service_name/" + r.Service + "/revision_name/" + id
	return r
}

// condition is a part of a status; fail is why it is not fulfilled.
func condition(kind string, fail *failure, state string) *run.GoogleCloudRunV2Condition {
	c := &run.GoogleCloudRunV2Condition{Type: kind, State: state, LastTransitionTime: now()}
	if fail != nil {
		c.State, c.Severity, c.Message = "CONDITION_FAILED", "ERROR", fail.message
		switch {
		case fail.condition != "":
			c.Reason = fail.condition
		case kind == "Ready" || kind == "ConfigurationsReady":
			c.Reason = "REVISION_FAILED"
		}
	}
	return c
}

const succeeded = "CONDITION_SUCCEEDED"

// observe writes what is known of a revision into its status.
func (r *runRevision) observe(v *runService) {
	if !closed(r.booted) {
		return
	}
	r.is.Reconciling, r.is.ObservedGeneration = false, r.is.Generation
	healthy := condition("ContainerHealthy", r.fail, succeeded)
	if r.fail != nil && healthy.Reason == "" {
		healthy.RevisionReason = "HEALTH_CHECK_CONTAINER_ERROR"
	}
	active := condition("Active", nil, succeeded)
	if !v.uses(r.id()) {
		active.State, active.Severity, active.RevisionReason = "CONDITION_FAILED", "INFO", "RETIRED"
		active.Message = "Revision retired."
	}
	r.is.Conditions = []*run.GoogleCloudRunV2Condition{
		condition("Ready", r.fail, succeeded), active, healthy, condition("ContainerReady", r.fail, succeeded),
		condition("ResourcesAvailable", r.fail, succeeded),
	}
}

// revision finds a revision by its name.
func (s *Server) revision(name string) (*runService, *runRevision, *failure) {
	parent, id, _ := strings.Cut(name, "/revisions/")
	if id == "" || s.services[parent] == nil || s.services[parent].revisions[id] == nil {
		return nil, nil, refuse(codeNotFound, "Resource '%s' of kind 'REVISION' in region '%s' in project '%s' does not exist.", id, regionOf(name), Project)
	}
	return s.services[parent], s.services[parent].revisions[id], nil
}

func (s *Server) getRevision(c *call) (any, error) {
	v, r, fail := s.revision(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	s.settleAbout(v.is.Name)
	r.observe(v)
	return r.is, nil
}

// listRevisions lists those of a service, or of all ("-"), the newest first.
func (s *Server) listRevisions(c *call) (any, error) {
	var all []*run.GoogleCloudRunV2Revision
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		v := s.services[name]
		if name != c.vars["parent"] && (lastOf(c.vars["parent"]) != "-" || regionOf(name) != regionOf(c.vars["parent"])) {
			continue
		}
		s.settleAbout(name)
		for _, r := range v.revisions {
			r.observe(v)
			all = append(all, r.is)
		}
	}
	slices.SortFunc(all, func(a, b *run.GoogleCloudRunV2Revision) int {
		return strings.Compare(b.CreateTime+b.Uid, a.CreateTime+a.Uid)
	})
	list, next, err := page(c.query, all, 1000)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListRevisionsResponse{Revisions: list, NextPageToken: next}, nil
}

// deleteRevision refuses to delete what traffic goes to, or may go to next
// (https://cloud.google.com/run/docs/managing/revisions#delete).
func (s *Server) deleteRevision(c *call) (any, error) {
	v, r, fail := s.revision(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	if fail := conflict(r.id(), c.query.Get("etag"), r.is.Etag); fail != nil {
		return nil, fail
	}
	if fail := v.spared(r); fail != nil {
		return nil, fail
	}
	if v.is.LatestCreatedRevision == r.is.Name {
		return nil, refuse(codeFailedPrecondition, "Revision '%s' cannot be deleted because it is the latest created revision of its service.", r.id())
	}
	op := s.begin(location(regionOf(v.is.Name)), s.uid(), &operation{
		work:     Work{API: c.api.name, Verb: "delete", Target: r.is.Name},
		metadata: func(*operation) any { return typed("google.cloud.run.v2.Revision", r.is) },
		finish: func() (any, *failure) {
			if fail := v.spared(r); fail != nil { // traffic may have come to it since
				return nil, fail
			}
			delete(v.revisions, r.id())
			r.stop()
			r.is.DeleteTime = now()
			return typed("google.cloud.run.v2.Revision", r.is), nil
		},
	})
	return op.body(), nil
}

// spared refuses to delete a revision that has traffic.
func (v *runService) spared(r *runRevision) *failure {
	if v.uses(r.id()) {
		return refuse(codeFailedPrecondition, "Revision '%s' cannot be deleted because it is receiving traffic or has a traffic tag.", r.id())
	}
	return nil
}

// uses says whether traffic goes to a revision, or is to, or a tag names it.
func (v *runService) uses(id string) bool {
	for _, t := range v.is.TrafficStatuses {
		if t.Revision == id || t.Type == toLatest && lastOf(v.is.LatestReadyRevision) == id {
			return true
		}
	}
	for _, t := range v.is.Traffic {
		if t.Revision == id {
			return true
		}
	}
	return false
}
