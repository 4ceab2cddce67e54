package gcptest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Snapshot lists all resources, one a line and sorted: what they are called and how they are set. It leaves out what
// differs between two runs that do the same: identifiers, times, ports, etags, and the content of objects.
func (s *Server) Snapshot() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l lines
	for email, a := range s.accounts {
		if email != Deployer && email != Compute {
			l.add("service-account", email, a.is.DisplayName, a.is.Description)
		}
	}
	for name, r := range s.repositories {
		if !strings.HasPrefix(name, "projects/"+publicProject+"/") && lastOf(name) != functionImages {
			l.add("repository", name, r.is.Format, r.is.Labels)
		}
	}
	s.listRun(&l)
	s.listDeployed(&l)
	s.place.list(&l)
	slices.Sort(l)
	return strings.Join(l, "")
}

type lines []string

// add writes a line of a resource. The parts are what is set of it; those that are empty are left out.
func (l *lines) add(kind, name string, parts ...any) {
	line := kind + " " + name
	for _, part := range parts {
		data, err := json.Marshal(part)
		if text := string(data); err == nil && !slices.Contains([]string{"null", `""`, "{}", "[]", "0", "false"}, text) {
			line += " " + text
		}
	}
	*l = append(*l, line+"\n")
}
