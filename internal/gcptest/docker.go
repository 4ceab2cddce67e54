package gcptest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"google.golang.org/api/artifactregistry/v1"

	"github.com/ferryfn/ferry/internal/standin"
)

// publicProject holds the images that Google lets everybody read: those below its runtimes
// (https://cloud.google.com/run/docs/configuring/services/runtime-base-images).
const publicProject = "serverless-runtimes"

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Registry is the host of the container registry. An image is HOST/PROJECT/REPOSITORY/NAME.
func (s *Server) Registry() string { return s.registryHost() }

func (s *Server) registryHost() string { return strings.TrimPrefix(s.docker.URL, "http://") }

// AddRepository makes a repository for images, as an operation of "create" would.
func (s *Server) AddRepository(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addRepository(&artifactregistry.Repository{
		Name: location(Region) + "/repositories/" + id, Format: "DOCKER", Mode: "STANDARD_REPOSITORY", CreateTime: now(), UpdateTime: now(),
		RegistryUri: s.registryHost() + "/" + Project + "/" + id,
	})
}

// location is the name of a region of the project.
func location(region string) string { return "projects/" + Project + "/locations/" + region }

// dockerCall is a request to the registry, after https://distribution.github.io/distribution/spec/api/.
type dockerCall struct {
	http              *http.Request
	project, id, rest string // of PROJECT/REPOSITORY/NAME/blobs/…
	caller            string
	operation         string
}

// write says whether the call pushes.
func (d *dockerCall) write() bool {
	return d.http.Method != http.MethodGet && d.http.Method != http.MethodHead
}

func (d *dockerCall) resource() string { return location(Region) + "/repositories/" + d.id }

func (d *dockerCall) permission() string {
	switch {
	case d.http.Method == http.MethodDelete:
		return "artifactregistry.versions.delete"
	case d.write():
		return "artifactregistry.repositories.uploadArtifacts"
	}
	return "artifactregistry.repositories.downloadArtifacts"
}

// serveDocker is REGION-docker.pkg.dev.
func (s *Server) serveDocker(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v2/token" {
		s.serveDockerToken(w, r)
		return
	}
	d := &dockerCall{http: r}
	var known bool
	d.caller, known = s.dockerCaller(r)
	path := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/v2/"), "/", 3)
	if !known && (len(path) < 3 || path[0] != publicProject) {
		w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/v2/token",service="%s"`, s.registryHost(), s.registryHost()))
		dockerFailure(http.StatusUnauthorized, "UNAUTHORIZED", "failed authentication").Send(w)
		return
	}
	if len(path) < 3 {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		return
	}
	d.project, d.id, d.rest = path[0], path[1], path[2]
	d.operation = dockerOperation(r.Method, d.rest)
	s.Serve(w, r, standin.Call{Service: "docker", Operation: d.operation, Resource: d.id + "/" + d.rest, Caller: d.caller, Write: d.write()},
		d, func() standin.Reply { return s.performDocker(d) })
}

// dockerOperation names a request: "putManifest", "getBlob".
func dockerOperation(method, rest string) string {
	kind := "Tags"
	switch {
	case strings.Contains(rest, "/blobs/uploads"):
		kind = "Upload"
	case strings.Contains(rest, "/blobs/"):
		kind = "Blob"
	case strings.Contains(rest, "/manifests/"):
		kind = "Manifest"
	}
	return strings.ToLower(method) + kind
}

func (s *Server) performDocker(d *dockerCall) standin.Reply {
	s.mu.Lock()
	repository, refusal := s.repositoryAt(d.project, d.id), s.dockerRefusal(d)
	s.mu.Unlock()
	switch {
	case refusal != nil:
		return *refusal
	case repository == nil:
		return dockerFailure(http.StatusNotFound, "NAME_UNKNOWN", fmt.Sprintf("Repository %q not found", d.id))
	}
	if tags := s.tagsOf(repository, d); d.operation == "deleteManifest" && len(tags) > 0 {
		return dockerFailure(http.StatusBadRequest, "GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: "+tags[0])
	}
	recorder := httptest.NewRecorder()
	repository.images.ServeHTTP(recorder, d.http)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d.operation == "putManifest" && recorder.Code == http.StatusCreated:
		repository.keep(d, recorder.Header())
	case d.operation == "deleteManifest" && recorder.Code == http.StatusAccepted:
		repository.untag(d)
	}
	return standin.Reply{Status: recorder.Code, Header: recorder.Header(), Body: recorder.Body.Bytes()}
}

// repositoryAt is the repository of a path.
func (s *Server) repositoryAt(project, id string) *repository {
	return s.repositories["projects/"+project+"/locations/"+Region+"/repositories/"+id]
}

// dockerCaller finds who calls the registry: by a token as password of "oauth2accesstoken", or as bearer
// (https://cloud.google.com/artifact-registry/docs/docker/authentication#token).
func (s *Server) dockerCaller(r *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if user, password, basic := r.BasicAuth(); basic {
		if user == "_json_key" {
			var file struct {
				Email string `json:"client_email"`
			}
			err := json.Unmarshal([]byte(password), &file)
			return file.Email, err == nil && file.Email != ""
		}
		token, ok = password, user == "oauth2accesstoken"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	email := s.tokens[token]
	return email, ok && email != ""
}

// serveDockerToken exchanges the password for a bearer token of the registry (https://distribution.github.io/distribution/spec/auth/token/).
// Who may not do what the scope asks for is refused here already.
func (s *Server) serveDockerToken(w http.ResponseWriter, r *http.Request) {
	caller, known := s.dockerCaller(r)
	if _, _, given := r.BasicAuth(); given && !known {
		dockerFailure(http.StatusUnauthorized, "UNAUTHORIZED", "failed authentication").Send(w)
		return
	}
	if !known {
		caller = "anonymous"
	}
	for _, scope := range r.URL.Query()["scope"] {
		if refusal := s.scoped(caller, scope); refusal != nil {
			refusal.Send(w)
			return
		}
	}
	answer(http.StatusOK, map[string]any{"token": s.AccessToken(caller), "expires_in": 3599}).Send(w)
}

// scoped refuses a scope, "repository:PROJECT/REPOSITORY/NAME:push,pull", to who may not have it.
func (s *Server) scoped(caller, scope string) *standin.Reply {
	parts := strings.Split(scope, ":")
	path := strings.SplitN(parts[min(1, len(parts)-1)], "/", 3)
	if len(parts) < 3 || len(path) < 3 {
		return nil
	}
	verb := http.MethodGet
	if strings.Contains(parts[2], "push") {
		verb = http.MethodPut
	}
	d := &dockerCall{http: &http.Request{Method: verb}, project: path[0], id: path[1], rest: path[2], caller: caller}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dockerRefusal(d)
}

// dockerRefusal is why a call may not be done; nil when it may.
func (s *Server) dockerRefusal(d *dockerCall) *standin.Reply {
	if d.project == publicProject && !d.write() {
		return nil
	}
	if s.off["artifactregistry.googleapis.com"] {
		return new(dockerFailure(http.StatusForbidden, "DENIED", s.apis["artifactregistry"].disabled().message))
	}
	if d.project != Project || !s.permitted(d.caller, d.permission(), d.resource()) {
		return new(d.Denied())
	}
	return nil
}

func dockerFailure(status int, code, message string) standin.Reply {
	return answer(status, map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

var _ standin.Words = (*dockerCall)(nil)

// Failure is an error in the form of the registry's protocol.
func (d *dockerCall) Failure(status int, code, message string) standin.Reply {
	return dockerFailure(status, code, message)
}

// Throttled is how the registry says that the rate is exceeded.
func (d *dockerCall) Throttled() standin.Reply {
	return dockerFailure(http.StatusTooManyRequests, "TOOMANYREQUESTS", "Quota exceeded for quota metric 'Requests per project per region' and limit "+
		"'Requests per project per region per minute per region' of service 'artifactregistry.googleapis.com' for consumer 'project_number:"+Number+"'.")
}

// Broken is how the registry says that it failed itself.
func (d *dockerCall) Broken() standin.Reply {
	return dockerFailure(http.StatusInternalServerError, "UNKNOWN", "Internal error encountered.")
}

// Denied is how the registry says that the caller lacks the permission.
func (d *dockerCall) Denied() standin.Reply {
	who := ""
	if d.caller == "" || d.caller == "anonymous" {
		who = "Unauthenticated request. Unauthenticated requests do not have permission"
		return dockerFailure(http.StatusForbidden, "DENIED", fmt.Sprintf("%s %q on resource %q (or it may not exist)", who, d.permission(), d.resource()))
	}
	return dockerFailure(http.StatusForbidden, "DENIED", fmt.Sprintf("Permission %q denied on resource %q (or it may not exist)", d.permission(), d.resource()))
}
