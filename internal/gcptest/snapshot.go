package gcptest

import (
	"encoding/json"
	"regexp"
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
	for i := range l {
		l[i] = s.settled(l[i])
	}
	slices.Sort(l)
	return strings.Join(l, "")
}

// madeUp ends the name of a revision that the system named.
var madeUp = regexp.MustCompile(`(-\d{5})-[b-z]{3}\b`)

// settled is a line with names for the ports that differ between runs, and without the letters of revisions that have no name of their own.
func (s *Server) settled(line string) string {
	for _, a := range s.addresses {
		host := lastOf(a.service) + ".run.app"
		if a.tag != "" {
			host = a.tag + "---" + host
		}
		line = strings.ReplaceAll(line, a.url, "https://"+host)
	}
	return madeUp.ReplaceAllString(strings.ReplaceAll(line, s.registryHost(), "registry"), "$1")
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
