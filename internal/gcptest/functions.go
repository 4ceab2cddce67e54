package gcptest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
)

func functionsAPI() *api {
	return &api{
		name: "cloudfunctions", host: "cloudfunctions.googleapis.com",
		versions: []version{{"cloudfunctions/v2", map[string]handler{
			"projects.locations.list":                          (*Server).listFunctionLocations,
			"projects.locations.runtimes.list":                 (*Server).listRuntimes,
			"projects.locations.functions.generateUploadUrl":   (*Server).generateUploadURL,
			"projects.locations.functions.generateDownloadUrl": (*Server).generateDownloadURL,
			"projects.locations.functions.create":              (*Server).createFunction,
			"projects.locations.functions.get":                 (*Server).getFunction,
			"projects.locations.functions.list":                (*Server).listFunctions,
			"projects.locations.functions.patch":               (*Server).patchFunction,
			"projects.locations.functions.delete":              (*Server).deleteFunction,
			"projects.locations.functions.detachFunction":      (*Server).detachFunction,
			"projects.locations.functions.getIamPolicy":        in(getPolicy(functionPolicy)),
			"projects.locations.functions.setIamPolicy":        in(setPolicy(functionPolicy)),
			"projects.locations.operations.get":                (*Server).getOperation,
			"projects.locations.operations.list":               (*Server).listOperations,
		}}},
		permissions: map[string]string{
			"projects.locations.list":                          "cloudfunctions.locations.list",
			"projects.locations.functions.generateUploadUrl":   "cloudfunctions.functions.sourceCodeSet",
			"projects.locations.functions.generateDownloadUrl": "cloudfunctions.functions.sourceCodeGet",
			"projects.locations.functions.detachFunction":      "cloudfunctions.functions.detach",
		},
	}
}

// function is one of Cloud Functions, 2nd generation: a build, and a service of Cloud Run.
type function struct {
	is     *cloudfunctions.Function
	policy *policy // that nobody asks: who may invoke is said by the service's
	source []byte  // the archive that was built last
	busy   *operation
}

func (f *function) id() string { return lastOf(f.is.Name) }

func functionPolicy(p *place, c *call) (**policy, error) {
	f, fail := p.cloud.function(c.vars["resource"])
	if fail != nil {
		return nil, fail
	}
	return &f.policy, nil
}

func (s *Server) function(name string) (*function, *failure) {
	if f := s.functions[strings.Replace(name, "projects/"+Number+"/", "projects/"+Project+"/", 1)]; f != nil {
		return f, nil
	}
	return nil, refuse(codeNotFound, "Resource '%s' was not found", name)
}

// functionID is the form that a function's name has
// (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions/create).
var functionID = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

// serviceOf is the service that a function's name gives: lower case, with hyphens for underscores.
func serviceOf(function string) string {
	parent, id, _ := strings.Cut(function, "/functions/")
	return parent + "/services/" + strings.ToLower(strings.ReplaceAll(id, "_", "-"))
}

func (s *Server) createFunction(c *call) (any, error) {
	is, err := decode[cloudfunctions.Function](c)
	if err != nil {
		return nil, err
	}
	id := c.query.Get("functionId")
	if fail := s.checkFunctionLocation(c.vars["parent"]); fail != nil {
		return nil, fail
	}
	switch {
	case !functionID.MatchString(id):
		return nil, badField("function_id", fmt.Sprintf("Invalid function name: %q. Function names must begin with a letter, end with a letter or a digit, "+
			"have only letters, digits, hyphens and underscores, and at most 63 characters.", id))
	case len(id) > 49:
		return nil, badField("function_id", fmt.Sprintf("Invalid function name: %q. The name of its Cloud Run service must be less than 50 characters.", id))
	}
	is.Name = c.vars["parent"] + "/functions/" + id
	if s.functions[is.Name] != nil {
		return nil, refuse(codeAlreadyExists, "Resource '%s' already exists", is.Name)
	}
	if s.services[serviceOf(is.Name)] != nil {
		return nil, refuse(codeAlreadyExists, "Could not create Cloud Run service %s. A Cloud Run service with this name already exists. "+
			"Please redeploy the function with a different name.", lastOf(serviceOf(is.Name)))
	}
	f := &function{is: is, policy: newPolicy()}
	is.Environment, is.CreateTime = "GEN_2", now()
	if fail := s.checkFunction(c, is); fail != nil {
		return nil, fail
	}
	s.functions[is.Name] = f
	return s.deployFunction(c, f, "create").body(), nil
}

func (s *Server) getFunction(c *call) (any, error) {
	f, fail := s.function(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	s.settleAbout(f.is.Name)
	if f, fail = s.function(c.vars["name"]); fail != nil {
		return nil, fail
	}
	return s.shown(f), nil
}

// shown is a function as it reads: what it says of traffic is what the service does.
func (s *Server) shown(f *function) *cloudfunctions.Function {
	is := copyOf(*f.is)
	if v := s.services[serviceOf(is.Name)]; v != nil && is.ServiceConfig != nil {
		is.ServiceConfig.AllTrafficOnLatestRevision = v.allOnLatest()
		is.ServiceConfig.Revision = lastOf(v.is.LatestReadyRevision)
	}
	return &is
}

// allOnLatest says whether the latest revision gets all requests.
func (v *runService) allOnLatest() bool {
	for _, t := range v.is.TrafficStatuses {
		if t.Percent == 100 {
			return t.Type == toLatest || t.Revision == lastOf(v.is.LatestCreatedRevision)
		}
	}
	return false
}

// listFunctions lists those of a location, or of all ("-").
func (s *Server) listFunctions(c *call) (any, error) {
	var all []*cloudfunctions.Function
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		if strings.HasPrefix(name, strings.TrimSuffix(c.vars["parent"], "-")) {
			s.settleAbout(name)
			if f := s.functions[name]; f != nil {
				all = append(all, s.shown(f))
			}
		}
	}
	list, next, err := page(c.query, all, 1000)
	if err != nil {
		return nil, err
	}
	return &cloudfunctions.ListFunctionsResponse{Functions: list, NextPageToken: next}, nil
}

// patchFunction writes the fields of a mask; without a mask all, those that the request leaves out too ("If no field mask is provided, all fields
// will be updated", https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions/patch).
func (s *Server) patchFunction(c *call) (any, error) {
	f, fail := s.function(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	if fail := f.free(); fail != nil {
		return nil, fail
	}
	mask := strings.Split(c.query.Get("updateMask"), ",")
	if mask[0] == "" || mask[0] == "*" {
		mask = writableFields(c)
	}
	next := typedAs[cloudfunctions.Function](masked(plain(f.is), bodyFields(c.body), mask))
	next.Name, next.Environment, next.CreateTime, next.State = f.is.Name, f.is.Environment, f.is.CreateTime, f.is.State
	if fail := s.checkFunction(c, next); fail != nil {
		return nil, fail
	}
	f.is = next
	return s.deployFunction(c, f, "update").body(), nil
}

// free refuses what comes while an operation is under way: there is one at a time for a function.
func (f *function) free() *failure {
	if f.busy != nil && !f.busy.done {
		return refuse(codeAborted, "unable to queue the operation")
	}
	return nil
}

func (s *Server) deleteFunction(c *call) (any, error) {
	f, fail := s.function(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	if fail := f.free(); fail != nil {
		return nil, fail
	}
	f.is.State = "DELETING"
	f.busy = s.beginFunction(c, f, "delete", &operation{finish: func() (any, *failure) {
		if v := s.services[serviceOf(f.is.Name)]; v != nil {
			s.dropService(v)
		}
		s.forgetImages(f)
		delete(s.functions, f.is.Name)
		return typed("google.protobuf.Empty", struct{}{}), nil
	}})
	return f.busy.body(), nil
}

// detachFunction leaves the service to Cloud Run alone; there is no way back
// (https://cloud.google.com/functions/docs/managing#detach).
func (s *Server) detachFunction(c *call) (any, error) {
	f, fail := s.function(c.vars["name"])
	if fail != nil {
		return nil, fail
	}
	if fail := f.free(); fail != nil {
		return nil, fail
	}
	f.is.State = "DETACHING"
	f.busy = s.beginFunction(c, f, "detach", &operation{finish: func() (any, *failure) {
		if v := s.services[serviceOf(f.is.Name)]; v != nil {
			delete(v.is.Labels, managedBy)
		}
		delete(s.functions, f.is.Name)
		return typed("google.protobuf.Empty", struct{}{}), nil
	}})
	return f.busy.body(), nil
}
