package gcptest

import (
	"strings"

	"github.com/ferryfn/ferry/internal/standin"
)

// permitted says whether somebody has a permission on a resource: the deployer has all, others what the policies of the project
// and of the resource give.
func (s *Server) permitted(caller, permission, resource string) bool {
	return caller == Deployer || permission == "" || s.place.may(memberOf(caller), permission, s.place.policyAt(resource))
}

// memberOf is a caller as policies name them.
func memberOf(caller string) string {
	if strings.HasPrefix(caller, "principal:") {
		return caller
	}
	return "serviceAccount:" + caller
}

// policyAt is the policy of a resource that has one of its own.
func (p *place) policyAt(resource string) *policy {
	if v := p.cloud.services[resource]; v != nil {
		return v.policy
	}
	parts := strings.Split(resource, "/")
	if b := p.buckets[parts[0]]; b != nil {
		return b.policy
	}
	if len(parts) < 4 {
		return nil
	}
	switch name := strings.Join(parts[:4], "/"); parts[2] {
	case "topics":
		if t := p.topics[name]; t != nil {
			return t.policy
		}
	case "subscriptions":
		if s := p.subscriptions[name]; s != nil {
			return s.policy
		}
	case "secrets":
		if s := p.secrets[parts[3]]; s != nil {
			return s.policy
		}
	case "serviceAccounts":
		if a := p.cloud.accounts[parts[3]]; a != nil {
			return a.policy
		}
	}
	return nil
}

// Permission is what a call needs, as roles name it: "run.services.update".
func (s *Server) Permission(of standin.Call) string {
	if of.Service == "docker" {
		switch {
		case strings.HasPrefix(of.Operation, "delete"):
			return "artifactregistry.versions.delete"
		case of.Write:
			return "artifactregistry.repositories.uploadArtifacts"
		}
		return "artifactregistry.repositories.downloadArtifacts"
	}
	a := s.apis[of.Service]
	return (&call{api: a, method: &method{ID: a.name + "." + of.Operation}}).permission()
}
