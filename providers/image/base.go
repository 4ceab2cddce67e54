package image

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ferryfn/ferry/providers"
)

// Pin is a base image by its digest, in a repository of one's own: what is there under that tag is reused, whatever the
// source has become since; else the source is copied there, once for all images over it. A source that names its digest is
// that image always.
func (r Registries) Pin(ctx context.Context, source, repository, tag string) (string, error) {
	at, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return "", fmt.Errorf("naming the copy of the base image: %w", err)
	}
	if found, err := r.head(ctx, at); err != nil || found != "" {
		return found, err
	}
	return r.copy(ctx, source, at)
}

// PinEdition is an edition of a base image, by its digest, in a repository of one's own: it is copied there under the tag, unless it is
// there already. The edition is one that Newest returned.
func (r Registries) PinEdition(ctx context.Context, edition, repository, tag string) (string, error) {
	of, err := name.NewDigest(edition)
	if err != nil {
		return "", fmt.Errorf("naming the edition of the base image: %w", err)
	}
	at, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return "", fmt.Errorf("naming the copy of the base image: %w", err)
	}
	if found, err := r.head(ctx, at.Context().Digest(of.DigestStr())); err != nil || found != "" {
		return found, err
	}
	return r.copy(ctx, edition, at)
}

// Edition is the digest of an image as it is now, "" of one that is not there.
func (r Registries) Edition(ctx context.Context, image string) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", fmt.Errorf("naming the base image: %w", err)
	}
	found, err := r.head(ctx, ref)
	if err != nil || found == "" {
		return "", err
	}
	of, err := name.NewDigest(found)
	return of.DigestStr(), err
}

// Newest is the edition that a base image has now: its name with the digest of the one for the platform, where it is for several. A
// copy has the same digest.
func (r Registries) Newest(ctx context.Context, source string) (string, error) {
	if _, err := name.NewDigest(source); err == nil {
		return source, nil
	}
	_, digest, err := r.resolve(ctx, source)
	if StatusOf(err) == http.StatusNotFound {
		err = &providers.Error{Kind: providers.NotFound, Op: "look up the base image", Err: fmt.Errorf("there is no image %s", source)}
	}
	if err != nil {
		return "", err
	}
	return source + "@" + digest, nil
}

// resolve is a base image for the platform, and its digest.
func (r Registries) resolve(ctx context.Context, source string) (v1.Image, string, error) {
	img, err := r.pull(ctx, source)
	if err != nil {
		return nil, "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, "", fmt.Errorf("reading the base image %s: %w", source, err)
	}
	return img, digest.String(), nil
}

// copy is a base image in a repository of one's own, by its digest.
func (r Registries) copy(ctx context.Context, source string, at name.Tag) (string, error) {
	img, digest, err := r.resolve(ctx, source)
	if err != nil {
		return "", err
	}
	if err := r.write(ctx, at, img, "copying the base image"); err != nil {
		return "", fmt.Errorf("copying the base image %s to %s: %w", source, at, err)
	}
	return at.Context().Digest(digest).String(), nil
}
