package image

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
)

// Pin is a base image by its digest, in a repository of one's own: what is there under that tag is reused, whatever the
// source has become since; else the source is copied there, once for all images over it. A source that names its digest is
// that image always.
func (r Registries) Pin(ctx context.Context, source, repository, tag string) (string, error) {
	from, err := name.ParseReference(source)
	if err != nil {
		return "", fmt.Errorf("naming the base image: %w", err)
	}
	at, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return "", fmt.Errorf("naming the copy of the base image: %w", err)
	}
	if found, err := r.head(ctx, at); err != nil || found != "" {
		return found, err
	}
	img, err := r.pull(ctx, from.String())
	if err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("reading the base image %s: %w", source, err)
	}
	if err := r.write(ctx, at, img, "copying the base image"); err != nil {
		return "", fmt.Errorf("copying the base image %s to %s: %w", source, at, err)
	}
	return at.Context().Digest(digest.String()).String(), nil
}
