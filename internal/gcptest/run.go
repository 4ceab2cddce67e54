package gcptest

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

func runAPI() *api {
	return &api{
		name: "run", host: "run.googleapis.com",
		versions: []version{
			{"run/v2", map[string]handler{
				"projects.locations.services.create":             (*Server).createService,
				"projects.locations.services.get":                (*Server).getService,
				"projects.locations.services.list":               (*Server).listServices,
				"projects.locations.services.patch":              (*Server).patchService,
				"projects.locations.services.delete":             (*Server).deleteService,
				"projects.locations.services.getIamPolicy":       in(getPolicy(servicePolicy)),
				"projects.locations.services.setIamPolicy":       (*Server).setServicePolicy,
				"projects.locations.services.testIamPermissions": in(testPermissions(servicePolicy)),
				"projects.locations.services.revisions.get":      (*Server).getRevision,
				"projects.locations.services.revisions.list":     (*Server).listRevisions,
				"projects.locations.services.revisions.delete":   (*Server).deleteRevision,
				"projects.locations.operations.get":              (*Server).getOperation,
				"projects.locations.operations.list":             (*Server).listOperations,
				"projects.locations.operations.wait":             (*Server).getOperation,
			}},
			{"run/v1", runV1()},
		},
	}
}

// runService is a service of Cloud Run.
type runService struct {
	is        *run.GoogleCloudRunV2Service // as it was asked for, with what the system adds
	policy    *policy
	before    *policy // that counts for some more requests
	requests  int     // how many
	revisions map[string]*runRevision
	count     int // of revisions that there ever were
	addresses map[string]*address
	gone      bool
}

func (v *runService) id() string { return lastOf(v.is.Name) }

// servicePolicy finds the policy of a service.
func servicePolicy(p *place, c *call) (**policy, error) {
	v, fail := p.cloud.service(c.vars["resource"])
	if fail != nil {
		return nil, fail
	}
	return &v.policy, nil
}

// setServicePolicy writes who may invoke a service; it counts some requests later.
func (s *Server) setServicePolicy(c *call) (any, error) {
	v, fail := s.service(c.vars["resource"])
	if fail != nil {
		return nil, fail
	}
	if fail := s.checkDomains(c.body); fail != nil {
		return nil, fail
	}
	before := v.policy
	out, err := in(setPolicy(servicePolicy))(s, c)
	if err == nil {
		v.before, v.requests = before, s.controls().policyRequests
	}
	return out, err
}

// checkDomains refuses everybody in a policy where the organisation does
// (https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains).
func (s *Server) checkDomains(policy []byte) *failure {
	if s.controls().restricted && (bytes.Contains(policy, []byte(`"allUsers"`)) || bytes.Contains(policy, []byte(`"allAuthenticatedUsers"`))) {
		return refuse(codeFailedPrecondition, "One or more users named in the policy do not belong to a permitted customer,  perhaps due to an organization policy.")
	}
	return nil
}

// service finds a service by its name; the number of the project stands for the project.
func (s *Server) service(name string) (*runService, *failure) {
	name = strings.Replace(name, "projects/"+Number+"/", "projects/"+Project+"/", 1)
	if v := s.services[name]; v != nil {
		return v, nil
	}
	return nil, refuse(codeNotFound, "Resource '%s' of kind 'SERVICE' in region '%s' in project '%s' does not exist.", lastOf(name), regionOf(name), Project)
}

// regionOf is the region in a name.
func regionOf(name string) string {
	parts := strings.Split(name, "/")
	if len(parts) < 4 {
		return ""
	}
	return parts[3]
}

// serviceID is the form that a service's name has: fewer than 50 characters
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create).
var serviceID = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$`)

func (s *Server) createService(c *call) (any, error) {
	is, err := decode[run.GoogleCloudRunV2Service](c)
	if err != nil {
		return nil, err
	}
	id := c.query.Get("serviceId")
	if fail := s.checkLocation(c.vars["parent"]); fail != nil {
		return nil, fail
	}
	if !serviceID.MatchString(id) {
		return nil, violation(c, "service_id", "only lowercase, digits, and hyphens; must begin with letter, and cannot end with hyphen; must be less than 50 characters. Got: "+id)
	}
	return s.makeService(c, c.vars["parent"]+"/services/"+id, is)
}

// makeService makes a service that is not there.
func (s *Server) makeService(c *call, name string, is *run.GoogleCloudRunV2Service) (any, error) {
	if s.services[name] != nil {
		return nil, refuse(codeAlreadyExists, "Resource '%s' already exists.", lastOf(name))
	}
	is.Name = name
	v := &runService{is: writable(is), policy: newPolicy(), revisions: map[string]*runRevision{}, addresses: map[string]*address{}}
	if fail := s.checkService(c, v.is); fail != nil {
		return nil, fail
	}
	v.is.Creator, v.is.CreateTime, v.is.Uid = c.caller, now(), s.uid()
	if c.query.Get("validateOnly") == "true" {
		return s.validated(v), nil
	}
	if fail := s.revise(c, v, nil); fail != nil {
		return nil, fail
	}
	s.services[name] = v
	main := s.address(v, "")
	v.is.Uri = main.url
	v.is.Urls = []string{main.url}
	return s.reconcileLater(c, v, "create").body(), nil
}

func (s *Server) getService(c *call) (any, error) {
	v, fail := s.service(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	s.settleAbout(v.is.Name)
	if v.gone {
		_, fail = s.service(c.vars["name"])
		return nil, fail
	}
	return v.is, nil
}

func (s *Server) listServices(c *call) (any, error) {
	list, next, err := page(c.query, s.servicesBelow(c.vars["parent"]), 1000)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListServicesResponse{Services: list, NextPageToken: next}, nil
}

func (s *Server) servicesBelow(parent string) []*run.GoogleCloudRunV2Service {
	var all []*run.GoogleCloudRunV2Service
	prefix := strings.TrimSuffix(parent, "/-") + "/"
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		if strings.HasPrefix(name, prefix) {
			s.settleAbout(name)
			if v := s.services[name]; v != nil {
				all = append(all, v.is)
			}
		}
	}
	return all
}

func (s *Server) patchService(c *call) (any, error) {
	update, err := decode[run.GoogleCloudRunV2Service](c)
	if err != nil {
		return nil, err
	}
	v, fail := s.service(c.vars["name"])
	if fail != nil {
		if c.query.Get("allowMissing") == "true" {
			return s.makeService(c, c.vars["name"], update)
		}
		return nil, fail
	}
	if fail := conflict(v.id(), update.Etag, v.is.Etag); fail != nil {
		return nil, fail
	}
	return s.updateService(c, v, bodyFields(c.body), c.query.Get("updateMask"))
}

// updateService writes the fields of a mask; without a mask, all that can be written
// (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/patch).
func (s *Server) updateService(c *call, v *runService, update map[string]any, mask string) (any, error) {
	paths := strings.Split(mask, ",")
	if mask == "" || mask == "*" {
		paths = writableFields(c)
	}
	next := typedAs[run.GoogleCloudRunV2Service](masked(plain(v.is), update, paths))
	next = keepSystem(v.is, next)
	if fail := s.checkService(c, next); fail != nil {
		return nil, fail
	}
	was := v.is
	draft := *v
	draft.is = next
	if c.query.Get("validateOnly") == "true" {
		if fail := s.checkRevision(c, &draft, was); fail != nil {
			return nil, fail
		}
		return s.validated(&draft), nil
	}
	if fail := s.revise(c, &draft, was); fail != nil {
		return nil, fail
	}
	*v = draft
	v.is.LastModifier = c.caller
	return s.reconcileLater(c, v, "update").body(), nil
}

// validated is the operation of a call that is to change nothing.
func (s *Server) validated(v *runService) map[string]any {
	return map[string]any{
		"name": location(regionOf(v.is.Name)) + "/operations/" + s.uid(), "done": true,
		"response": typed("google.cloud.run.v2.Service", v.is), "metadata": typed("google.cloud.run.v2.Service", v.is),
	}
}

func (s *Server) deleteService(c *call) (any, error) {
	v, fail := s.service(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	if fail := conflict(v.id(), c.query.Get("etag"), v.is.Etag); fail != nil {
		return nil, fail
	}
	if c.query.Get("validateOnly") == "true" {
		return s.validated(v), nil
	}
	return s.removeService(c.api.name, v).body(), nil
}

// removeService deletes a service by an operation.
func (s *Server) removeService(api string, v *runService) *operation {
	return s.begin(location(regionOf(v.is.Name)), s.uid(), &operation{
		work:     Work{API: api, Verb: "delete", Target: v.is.Name},
		metadata: func(*operation) any { return typed("google.cloud.run.v2.Service", v.is) },
		finish: func() (any, *failure) {
			s.dropService(v)
			v.is.DeleteTime = now()
			return typed("google.cloud.run.v2.Service", v.is), nil
		},
	})
}

func (s *Server) dropService(v *runService) {
	v.gone = true
	if s.services[v.is.Name] == v {
		delete(s.services, v.is.Name)
	}
	for _, r := range v.revisions {
		r.stop()
	}
}

// conflict is the refusal of an etag that is not the present one.
func conflict(id, given, is string) *failure {
	if given == "" || given == is {
		return nil
	}
	return refuse(codeAborted, "Conflict for resource '%s': version '%s' was specified but current version is '%s'.", id, strings.Trim(given, `"`), strings.Trim(is, `"`))
}

// violation is the refusal of a value in a request, in the words of the Admin API.
func violation(c *call, path, message string) *failure {
	return badField(path, fmt.Sprintf("Violation in %s.%s: %s", requestName(c), path, message))
}

// requestName is the name of the request's protocol buffer.
func requestName(c *call) string {
	if c.http.Method == "POST" {
		return "CreateServiceRequest"
	}
	return "UpdateServiceRequest"
}
