package knative

import (
	"cmp"
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/image"
)

// registries are spoken to with the credentials that Docker has.
func (c *connection) registries() image.Registries {
	return image.Registries{Keys: authn.DefaultKeychain, Transport: c.plain.Transport, Platform: v1.Platform{OS: "linux", Architecture: c.target.Architecture}}
}

// images is where the images of a function are.
func (p *place) images(fn string) string { return p.target.Registry + "/" + p.object(fn) }

// pushed is an image in the registry, by its digest and by the tag under which it is found again.
type pushed struct{ digest, tag string }

// image is that of a package over its base, by its digest. One that is there is not made again. The base is copied into the
// registry once: which it is, is decided when the first function over it is published.
func (c *connection) image(ctx context.Context, s spec) (pushed, error) {
	providers.Stage(ctx, "looking at the base image")
	source := cmp.Or(s.function.own.BaseImage, runtimes()[s.function.Runtime].ID)
	base, err := c.registries().Pin(ctx, source, c.target.Registry+"/ferry-base", short(source+" "+c.target.Architecture))
	if err != nil {
		return pushed{}, err
	}
	recipe := image.Recipe{Base: base, Artifact: s.artifact, Folder: appFolder, Command: command(s.function.Function, s.artifact.Entry)}
	digest, err := c.registries().Push(ctx, c.images(s.function.Name), recipe)
	return pushed{digest, recipe.Tag()}, err
}

// complete reports whether a revision has its image still.
func (c *connection) complete(ctx context.Context, r *revision) (bool, error) {
	if revisionOf(r).Digest == "" {
		return true, nil // it was adopted, and its image is somebody's
	}
	return c.registries().Has(ctx, imageOf(r.Spec))
}

// removeImage takes away the image of a revision, which is somebody's where the revision was adopted.
func (c *connection) removeImage(ctx context.Context, r *revision) error {
	if revisionOf(r).Digest == "" {
		return nil
	}
	return c.registries().Delete(ctx, imageOf(r.Spec), r.Annotations[noteImage])
}
