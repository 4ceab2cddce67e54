package gcptest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pull is the image of a reference.
func (s *Server) pull(ctx context.Context, reference string) (v1.Image, *failure) {
	missing := refuse(codeNotFound, "Image '%s' not found.", reference)
	missing.condition = "CONTAINER_MISSING"
	ref, err := name.ParseReference(reference)
	if err != nil || ref.Context().RegistryStr() != s.registryHost() {
		return nil, missing
	}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithTransport(within{s}), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return nil, missing
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, missing
	}
	if file.OS != "linux" || file.Architecture != "amd64" { // https://cloud.google.com/run/docs/container-contract#languages
		return nil, refuse(codeInvalidArgument, "Cloud Run does not support image '%s': Container manifest type must support amd64/linux.", reference)
	}
	return image, nil
}

// imageThere says why an image cannot be had.
func (s *Server) imageThere(reference string) *failure {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return refuse(codeInvalidArgument, "%v", err)
	}
	parts := strings.SplitN(ref.Context().RepositoryStr(), "/", 3)
	if len(parts) == 3 && s.repositoryAt(parts[0], parts[1]) != nil {
		r := s.repositoryAt(parts[0], parts[1])
		recorder := httptest.NewRecorder()
		r.images.ServeHTTP(recorder, httptest.NewRequest(http.MethodHead, "/v2/"+ref.Context().RepositoryStr()+"/manifests/"+ref.Identifier(), nil))
		if recorder.Code == http.StatusOK {
			return nil
		}
	}
	fail := refuse(codeNotFound, "Image '%s' not found.", reference)
	fail.condition = "CONTAINER_MISSING"
	return fail
}

// within lets Cloud Run itself read the registry, as its service agent may.
type within struct{ s *Server }

func (t within) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/v2/"), "/", 3)
	if len(parts) == 3 {
		t.s.mu.Lock()
		repository := t.s.repositoryAt(parts[0], parts[1])
		t.s.mu.Unlock()
		if repository == nil {
			recorder.WriteHeader(http.StatusNotFound)
		} else {
			repository.images.ServeHTTP(recorder, r)
		}
	}
	reply := recorder.Result()
	reply.Request = r
	return reply, nil
}
