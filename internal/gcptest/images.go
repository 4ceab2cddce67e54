package gcptest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/api/artifactregistry/v1"
)

// pushed is an image in a repository.
type pushed struct {
	name      string // "worker"
	digest    string // "sha256:…"
	mediaType string
	tags      map[string]bool
	at        string
}

func (p *pushed) key() string { return p.name + "@" + p.digest }

// keep remembers a manifest that was pushed, so that it can be listed.
func (r *repository) keep(d *dockerCall, header http.Header) {
	name, reference, _ := strings.Cut(d.rest, "/manifests/")
	p := &pushed{name: name, digest: header.Get("Docker-Content-Digest"), mediaType: d.http.Header.Get("Content-Type"), tags: map[string]bool{}, at: now()}
	if old := r.pushed[p.key()]; old != nil {
		p = old
	}
	if !strings.HasPrefix(reference, "sha256:") {
		for _, other := range r.pushed {
			if other.name == name {
				delete(other.tags, reference)
			}
		}
		p.tags[reference] = true
	}
	r.pushed[p.key()] = p
}

// untag forgets a tag, or a manifest by its digest.
func (r *repository) untag(d *dockerCall) {
	name, reference, _ := strings.Cut(d.rest, "/manifests/")
	delete(r.pushed, name+"@"+reference)
	for _, p := range r.pushed {
		if p.name == name {
			delete(p.tags, reference)
		}
	}
}

// tagsOf are the tags of the manifest that a call names by its digest.
func (s *Server) tagsOf(r *repository, d *dockerCall) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, reference, _ := strings.Cut(d.rest, "/manifests/")
	if p := r.pushed[name+"@"+reference]; p != nil {
		return slices.Sorted(maps.Keys(p.tags))
	}
	return nil
}

// forget removes manifests.
func (r *repository) forget(which func(*pushed) bool) int {
	n := 0
	for key, p := range r.pushed {
		if !which(p) {
			continue
		}
		n++
		delete(r.pushed, key)
		for _, reference := range append(slices.Collect(maps.Keys(p.tags)), p.digest) {
			request := httptest.NewRequest(http.MethodDelete, "/v2/"+Project+"/"+r.id()+"/"+p.name+"/manifests/"+reference, nil)
			r.images.ServeHTTP(httptest.NewRecorder(), request)
		}
	}
	return n
}

func (r *repository) id() string { return r.is.Name[strings.LastIndex(r.is.Name, "/")+1:] }

func (r *repository) image(p *pushed) *artifactregistry.DockerImage {
	return &artifactregistry.DockerImage{
		Name: r.is.Name + "/dockerImages/" + p.key(), Uri: r.is.RegistryUri + "/" + p.key(), MediaType: p.mediaType,
		Tags: slices.Sorted(maps.Keys(p.tags)), UploadTime: p.at, UpdateTime: p.at,
	}
}

// below finds the repository that a name leads into, and what comes after the part named kind.
func (s *Server) below(name, kind string) (*repository, string, *failure) {
	parent, rest, _ := strings.Cut(name, "/"+kind)
	r := s.repositories[parent]
	if r == nil {
		return nil, "", refuse(codeNotFound, "Requested entity was not found.")
	}
	return r, strings.TrimPrefix(rest, "/"), nil
}

func (s *Server) getDockerImage(c *call) (any, error) {
	r, key, fail := s.below(c.vars["name"], "dockerImages")
	if fail != nil {
		return nil, fail
	}
	p := r.pushed[key]
	if p == nil {
		return nil, refuse(codeNotFound, "Requested entity was not found.")
	}
	return r.image(p), nil
}

func (s *Server) listDockerImages(c *call) (any, error) {
	r, _, fail := s.below(c.vars["parent"], "dockerImages")
	if fail != nil {
		return nil, fail
	}
	out := &artifactregistry.ListDockerImagesResponse{}
	for _, key := range slices.Sorted(maps.Keys(r.pushed)) {
		out.DockerImages = append(out.DockerImages, r.image(r.pushed[key]))
	}
	return out, nil
}

// deletePackage removes an image with all its versions.
func (s *Server) deletePackage(c *call) (any, error) {
	r, id, fail := s.below(c.vars["name"], "packages")
	if fail != nil {
		return nil, fail
	}
	id, err := url.PathUnescape(id)
	if err != nil {
		return nil, badField("name", err.Error())
	}
	return s.deleteImages(c, r, func(p *pushed) bool { return p.name == id })
}

func (s *Server) deleteImageVersion(c *call) (any, error) {
	r, rest, fail := s.below(c.vars["name"], "packages")
	if fail != nil {
		return nil, fail
	}
	id, digest, _ := strings.Cut(rest, "/versions/")
	id, err := url.PathUnescape(id)
	if err != nil {
		return nil, badField("name", err.Error())
	}
	if p := r.pushed[id+"@"+digest]; p != nil && len(p.tags) > 0 && c.query.Get("force") != "true" {
		return nil, refuse(codeFailedPrecondition, "cannot delete version %q because it is tagged. Delete the tag first, or set force.", c.vars["name"])
	}
	return s.deleteImages(c, r, func(p *pushed) bool { return p.name == id && p.digest == digest })
}

func (s *Server) deleteImages(c *call, r *repository, which func(*pushed) bool) (any, error) {
	if r.forget(which) == 0 {
		return nil, refuse(codeNotFound, "Requested entity was not found.")
	}
	parent, _, _ := strings.Cut(c.vars["name"], "/repositories/")
	op := s.begin(parent, s.uid(), &operation{
		work:   Work{API: c.api.name, Verb: "delete", Target: c.vars["name"]},
		finish: func() (any, *failure) { return typed("google.protobuf.Empty", struct{}{}), nil },
	})
	return op.body(), nil
}

// Images are the images of the project's repositories: "ferry/worker@sha256:…", sorted.
func (s *Server) Images() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for name, r := range s.repositories {
		if strings.HasPrefix(name, "projects/"+publicProject+"/") {
			continue
		}
		for key := range r.pushed {
			all = append(all, lastOf(name)+"/"+key)
		}
	}
	slices.Sort(all)
	return all
}
