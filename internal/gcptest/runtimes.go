package gcptest

import (
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
)

// runtimes are those of https://cloud.google.com/functions/docs/runtime-support, as they stood on 2026-11-28.
func runtimes() []*cloudfunctions.Runtime {
	var all []*cloudfunctions.Runtime
	for stage, names := range map[string]string{
		"BETA":           "nodejs26",
		"GA":             "nodejs24 nodejs22 python314 python313 python312 python311 go126 go125 java25 java21 java17 dotnet10 ruby40 ruby34 ruby33 php85 php84 php83 php82 osonly24",
		"DEPRECATED":     "python310 go124 dotnet8",
		"DECOMMISSIONED": "nodejs20 nodejs18 nodejs16 python39 python38 go123 go122 go121",
	} {
		for name := range strings.FieldsSeq(names) {
			all = append(all, &cloudfunctions.Runtime{Name: name, DisplayName: name, Stage: stage, Environment: "GEN_2"})
		}
	}
	return all
}

// DecommissionRuntime makes Cloud Functions refuse to create and update functions of a runtime.
func (s *Server) DecommissionRuntime(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decommissioned[name] = true
}

func (s *Server) runtime(name string) (*cloudfunctions.Runtime, bool) {
	for _, r := range runtimes() {
		if r.Name == name {
			if s.decommissioned[name] {
				r.Stage = "DECOMMISSIONED"
			}
			return r, true
		}
	}
	return nil, false
}

func (s *Server) listRuntimes(c *call) (any, error) {
	if fail := s.checkFunctionLocation(c.vars["parent"]); fail != nil {
		return nil, fail
	}
	out := &cloudfunctions.ListRuntimesResponse{}
	for _, name := range namesOf(runtimes()) {
		r, _ := s.runtime(name)
		out.Runtimes = append(out.Runtimes, r)
	}
	return out, nil
}

func namesOf(all []*cloudfunctions.Runtime) []string {
	byName := map[string]bool{}
	for _, r := range all {
		byName[r.Name] = true
	}
	return sorted(byName)
}

// baseImageOf is the image that a function of a runtime runs on.
func baseImageOf(runtime string) string {
	return Region + "-docker.pkg.dev/" + publicProject + "/google-22-full/runtimes/" + runtime
}

func (s *Server) listFunctionLocations(c *call) (any, error) {
	if err := s.place.isThis(c); err != nil {
		return nil, err
	}
	out := &cloudfunctions.ListLocationsResponse{}
	for _, region := range regions() {
		out.Locations = append(out.Locations, &cloudfunctions.Location{Name: location(region), LocationId: region})
	}
	return out, nil
}

// checkFunctionLocation refuses a place in the words of Cloud Functions.
func (s *Server) checkFunctionLocation(parent string) *failure {
	if region := regionOf(parent); s.checkLocation(parent) != nil {
		return refuse(codePermissionDenied, "Location %s is not found or access is unauthorized.", region)
	}
	return nil
}
