package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	artifacts "google.golang.org/api/artifactregistry/v1"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/image"
	"github.com/ferryfn/ferry/providers/until"
)

// pushed is an image in the repository.
type pushed struct{ digest, tag string }

// image is that of a package over its base. An image that is there is not made again; the repository is looked at only when one
// is made.
func (c *connection) image(ctx context.Context, s spec) (pushed, error) {
	providers.Stage(ctx, "looking at the base image")
	if err := c.ensureRepository(ctx); err != nil {
		return pushed{}, err
	}
	base, err := c.base(ctx, s)
	if err != nil {
		return pushed{}, err
	}
	recipe := image.Recipe{Base: base, Artifact: s.artifact, Folder: appFolder, Command: command(s.function.Function, s.artifact.Entry)}
	digest, err := c.registries().Push(ctx, c.images(s.function.Name), recipe)
	return pushed{digest, recipe.Tag()}, err
}

// baseHost is where Google's images of runtimes are near: in each region, beside the repositories of users.
func (p *place) baseHost() string {
	host, _, _ := strings.Cut(p.repository(), "/")
	if host == "docker.io" || strings.HasSuffix(host, "gcr.io") {
		return p.target.Region + "-docker.pkg.dev"
	}
	return host
}

// images is where the images of a function are.
func (p *place) images(fn string) string { return p.repository() + "/" + p.serviceName(fn) }

// registries are spoken to with the caller's token where they are Google's or the target's own, else as Docker would.
func (c *connection) registries() image.Registries {
	host, _, _ := strings.Cut(c.repository(), "/")
	return image.Registries{
		Keys: &keys{credentials: c.credentials, own: host}, Transport: c.plain.Transport,
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
	}
}

// keys are the credentials for a registry.
type keys struct {
	credentials *auth.Credentials
	own         string // the host of the target's repository
}

// Resolve is for who has no context.
func (k *keys) Resolve(of authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), of)
}

// ResolveContext finds the credentials for a registry.
func (k *keys) ResolveContext(ctx context.Context, of authn.Resource) (authn.Authenticator, error) {
	host := of.RegistryStr()
	if host != k.own && !strings.HasSuffix(host, ".pkg.dev") && !strings.HasSuffix(host, "gcr.io") {
		return authn.Resolve(ctx, authn.DefaultKeychain, of)
	}
	t, err := k.credentials.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	return authn.FromConfig(authn.AuthConfig{Username: "oauth2accesstoken", Password: t.Value}), nil
}

// artifactRepository is a repository of Artifact Registry by its parts.
var artifactRepository = pattern.Of(`^([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)$`)

// repositoryPath is the repository's full name in Artifact Registry, "" where the manifest names one of another registry.
func (p *place) repositoryPath() (parent, id string) {
	if found := artifactRepository().FindStringSubmatch(p.repository()); found != nil {
		return "projects/" + found[2] + "/locations/" + found[1], found[3]
	}
	return "", ""
}

// ensureRepository makes the repository, once. One that the manifest names has to be there.
func (c *connection) ensureRepository(ctx context.Context) error {
	c.repositories.Lock()
	defer c.repositories.Unlock()
	parent, id := c.repositoryPath()
	if c.hasRepository || parent == "" {
		return nil
	}
	_, err := c.artifacts.Projects.Locations.Repositories.Get(parent + "/repositories/" + id).Context(ctx).Do()
	if isNotFound(err) && c.target.Repository != "" {
		return c.missingRepository(parent, id)
	}
	if isNotFound(err) {
		err = c.makeRepository(ctx, parent, id)
	}
	c.hasRepository = err == nil
	return err
}

// missingRepository is that a repository of the manifest is not there.
func (c *connection) missingRepository(parent, id string) error {
	return &providers.Error{
		Kind: providers.NotFound, Op: "look up the repository", Provider: name, Err: fmt.Errorf("the repository %s does not exist", c.repository()),
		Hint: fmt.Sprintf("run `gcloud artifacts repositories create %s --repository-format=docker --location=%s --project=%s`", id, idOf(parent), strings.Split(parent, "/")[1]),
	}
}

func (c *connection) makeRepository(ctx context.Context, parent, id string) error {
	providers.Stage(ctx, "making the repository for images")
	op, err := c.artifacts.Projects.Locations.Repositories.Create(parent, &artifacts.Repository{
		Format: "DOCKER", Description: "images of functions that ferry deploys", Labels: map[string]string{labelStore: "true"},
	}).RepositoryId(id).Context(ctx).Do()
	if isAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = until.True(ctx, working("the repository "+id+" to be made"), func() (bool, error) {
		if op.Done {
			return true, nil
		}
		now, err := c.artifacts.Projects.Locations.Operations.Get(op.Name).Context(ctx).Do()
		if err == nil {
			op = now
		}
		return op.Done, err
	})
	if err == nil && op.Error != nil {
		err = &failure{op.Error.Code, op.Error.Message}
	}
	return err
}

// complete reports whether a revision has its image still. One that was not published is for Google to know.
func (c *connection) complete(ctx context.Context, r *run.GoogleCloudRunV2Revision) (bool, error) {
	if revisionOf(r).Digest == "" {
		return true, nil
	}
	return c.registries().Has(ctx, imageOf(r))
}

// imageOf is the image of a revision.
func imageOf(r *run.GoogleCloudRunV2Revision) string {
	for _, one := range r.Containers {
		return one.Image
	}
	return ""
}

// removeImage takes away the image of a revision, which has a tag of ferry's, or one that Cloud Functions gave it.
func (c *connection) removeImage(ctx context.Context, r *run.GoogleCloudRunV2Revision) error {
	image, tag := imageOf(r), r.Labels[labelImage]
	if tag == "" {
		at := strings.LastIndexByte(image, ':')
		if revisionOf(r).Digest == "" || at < 0 || strings.Contains(image, "@") { // not ferry's, or all that is known of it is its content
			return nil
		}
		digest, err := c.registries().Edition(ctx, image)
		if err != nil || digest == "" {
			return err
		}
		image, tag = image[:at]+"@"+digest, image[at+1:]
	}
	return c.registries().Delete(ctx, image, tag)
}

// removeImages takes away all images of a function. Without a repository there are none.
func (c *connection) removeImages(ctx context.Context, fn string) error {
	err := c.registries().Clear(ctx, c.images(fn))
	if missing := image.StatusOf(err); missing == http.StatusNotFound || errors.Is(err, providers.NotFound) {
		return nil
	}
	return err
}
