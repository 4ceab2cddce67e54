package gcptest

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	"google.golang.org/api/artifactregistry/v1"
)

// repository is one of Artifact Registry, with what was pushed to it.
type repository struct {
	is     *artifactregistry.Repository
	images http.Handler
	pushed map[string]*pushed // by name@digest
}

func artifactRegistryAPI() *api {
	return &api{
		name: "artifactregistry", host: "artifactregistry.googleapis.com",
		versions: []version{{"artifactregistry/v1", map[string]handler{
			"projects.locations.repositories.create":                   (*Server).createRepository,
			"projects.locations.repositories.get":                      (*Server).getRepository,
			"projects.locations.repositories.list":                     (*Server).listRepositories,
			"projects.locations.repositories.delete":                   (*Server).deleteRepository,
			"projects.locations.repositories.dockerImages.get":         (*Server).getDockerImage,
			"projects.locations.repositories.dockerImages.list":        (*Server).listDockerImages,
			"projects.locations.repositories.packages.delete":          (*Server).deletePackage,
			"projects.locations.repositories.packages.versions.delete": (*Server).deleteImageVersion,
			"projects.locations.operations.get":                        (*Server).getOperation,
		}}},
		permissions: map[string]string{
			"projects.locations.repositories.dockerImages.get":  "artifactregistry.dockerimages.get",
			"projects.locations.repositories.dockerImages.list": "artifactregistry.dockerimages.list",
		},
	}
}

// repositoryID is the form that a repository's name has
// (https://cloud.google.com/artifact-registry/docs/repositories/create-repos).
var repositoryID = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (s *Server) createRepository(c *call) (any, error) {
	is, err := decode[artifactregistry.Repository](c)
	if err != nil {
		return nil, err
	}
	id := c.query.Get("repositoryId")
	if fail := s.checkLocation(c.vars["parent"]); fail != nil {
		return nil, fail
	}
	switch {
	case !repositoryID.MatchString(id):
		return nil, refuse(codeInvalidArgument, "repository_id must be between 1 and 63 characters long, begin with a lowercase letter, end with a lowercase letter or number, "+
			"and contain only lowercase letters, numbers and hyphens.")
	case is.Format == "" || is.Format == "FORMAT_UNSPECIFIED":
		return nil, refuse(codeInvalidArgument, "the repository format must be specified")
	}
	if fail := checkLabels(is.Labels, "labels"); fail != nil {
		return nil, fail
	}
	is.Name = c.vars["parent"] + "/repositories/" + id
	if s.repositories[is.Name] != nil {
		return nil, refuse(codeAlreadyExists, "the repository already exists")
	}
	is.Mode, is.CreateTime, is.UpdateTime = "STANDARD_REPOSITORY", now(), now()
	is.RegistryUri = s.registryHost() + "/" + Project + "/" + id
	op := s.begin(c.vars["parent"], s.uid(), &operation{
		work: Work{API: c.api.name, Verb: "create", Target: is.Name},
		metadata: func(*operation) any {
			return map[string]any{"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata"}
		},
		finish: func() (any, *failure) {
			if s.repositories[is.Name] != nil {
				return nil, refuse(codeAlreadyExists, "the repository already exists")
			}
			s.addRepository(is)
			return typed("google.devtools.artifactregistry.v1.Repository", is), nil
		},
	})
	return op.body(), nil
}

func (s *Server) addRepository(is *artifactregistry.Repository) {
	s.repositories[is.Name] = &repository{is: is, images: registry.New(registry.Logger(quiet())), pushed: map[string]*pushed{}}
}

func (s *Server) getRepository(c *call) (any, error) {
	s.settleAbout(c.vars["name"])
	r := s.repositories[c.vars["name"]]
	if r == nil {
		return nil, refuse(codeNotFound, "Requested entity was not found.")
	}
	return r.is, nil
}

func (s *Server) listRepositories(c *call) (any, error) {
	out := &artifactregistry.ListRepositoriesResponse{}
	for _, name := range slices.Sorted(maps.Keys(s.repositories)) {
		if strings.HasPrefix(name, c.vars["parent"]+"/") {
			out.Repositories = append(out.Repositories, s.repositories[name].is)
		}
	}
	return out, nil
}

func (s *Server) deleteRepository(c *call) (any, error) {
	name := c.vars["name"]
	if s.repositories[name] == nil {
		return nil, refuse(codeNotFound, "Requested entity was not found.")
	}
	parent, _, _ := strings.Cut(name, "/repositories/")
	op := s.begin(parent, s.uid(), &operation{
		work: Work{API: c.api.name, Verb: "delete", Target: name},
		metadata: func(*operation) any {
			return map[string]any{"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata"}
		},
		finish: func() (any, *failure) {
			delete(s.repositories, name)
			return typed("google.protobuf.Empty", struct{}{}), nil
		},
	})
	return op.body(), nil
}
