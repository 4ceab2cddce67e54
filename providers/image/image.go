// Package image makes images of packages and puts them into registries, without Docker and without a build: a package
// is one layer over a base image.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// Recipe is what an image is made of. Equal recipes make equal images, byte by byte.
type Recipe struct {
	Base     string // an image by its digest, as Pin returns it
	Artifact packager.Artifact
	Folder   string   // absolute: where the package lies, and what it is started in
	Command  []string // that starts it
}

// Tag is the name of a recipe's image in its repository: by it an image that was made is found without being made again.
func (r Recipe) Tag() string {
	data, err := json.Marshal([]any{r.Base, r.Artifact.ZipDigest, r.Folder, r.Command})
	if err != nil {
		panic(fmt.Sprintf("a recipe always has a JSON form: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:20])
}

// Registries are how registries are spoken to.
type Registries struct {
	Keys      authn.Keychain
	Transport http.RoundTripper
	Platform  v1.Platform // that images are for
}

// Push makes an image and puts it into a repository, as "host/path". It returns the image by its digest. What is there of it
// already is not sent again.
func (r Registries) Push(ctx context.Context, repository string, recipe Recipe) (string, error) {
	at, err := name.NewTag(repository + ":" + recipe.Tag())
	if err != nil {
		return "", fmt.Errorf("naming the image: %w", err)
	}
	if found, err := r.head(ctx, at); err != nil || found != "" {
		return found, err
	}
	base, err := r.pull(ctx, recipe.Base)
	if err != nil {
		return "", err
	}
	var digest v1.Hash
	err = recipe.Artifact.Lend(func(path string) error {
		img, err := assemble(base, path, recipe)
		if err != nil {
			return err
		}
		if digest, err = img.Digest(); err != nil {
			return err
		}
		if err := r.write(ctx, at, img, "pushing the image"); err != nil {
			return fmt.Errorf("pushing %s: %w", at, err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return at.Context().Digest(digest.String()).String(), nil
}

// assemble lays the package over the base. The command of the base is replaced, and its variables stay.
func assemble(base v1.Image, path string, recipe Recipe) (v1.Image, error) {
	kind, err := base.MediaType()
	if err != nil {
		return nil, err
	}
	over, err := newLayer(path, recipe.Folder, kind)
	if err != nil {
		return nil, fmt.Errorf("making a layer of the package: %w", err)
	}
	img, err := mutate.Append(base, mutate.Addendum{Layer: over, History: v1.History{CreatedBy: "ferry", Created: v1.Time{Time: epoch()}}})
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Created = v1.Time{Time: epoch()}
	file.Config.Entrypoint, file.Config.Cmd, file.Config.WorkingDir = recipe.Command, nil, recipe.Folder
	return mutate.ConfigFile(img, file)
}

// epoch is the time of everything in an image: that of a zip's files.
func epoch() time.Time { return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC) }

// Has reports whether an image is there, by its digest or tag.
func (r Registries) Has(ctx context.Context, image string) (bool, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return false, fmt.Errorf("naming the image: %w", err)
	}
	found, err := r.head(ctx, ref)
	return found != "", err
}

// Delete takes away an image by its digest, with its tags. One that is gone is no error.
func (r Registries) Delete(ctx context.Context, image string, tags ...string) error {
	ref, err := name.NewDigest(image)
	if err != nil {
		return fmt.Errorf("naming the image: %w", err)
	}
	gone := make([]name.Reference, 0, len(tags)+1)
	for _, tag := range tags {
		gone = append(gone, ref.Context().Tag(tag))
	}
	for _, one := range append(gone, ref) { // a registry may keep a manifest that has a tag
		if err := remote.Delete(one, r.options(ctx)...); err != nil && StatusOf(err) != http.StatusNotFound {
			return fmt.Errorf("deleting %s: %w", one, err)
		}
	}
	return nil
}

// Clear takes away all images of a repository.
func (r Registries) Clear(ctx context.Context, repository string) error {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return fmt.Errorf("naming the repository: %w", err)
	}
	tags, err := remote.List(repo, r.options(ctx)...)
	if StatusOf(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the images of %s: %w", repository, err)
	}
	for _, tag := range tags {
		found, err := r.head(ctx, repo.Tag(tag))
		if err == nil && found != "" {
			err = r.Delete(ctx, found, tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// head is an image by its digest, "" when there is none.
func (r Registries) head(ctx context.Context, ref name.Reference) (string, error) {
	found, err := remote.Head(ref, r.options(ctx)...)
	switch {
	case StatusOf(err) == http.StatusNotFound:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("looking for %s: %w", ref, err)
	}
	return ref.Context().Digest(found.Digest.String()).String(), nil
}

func (r Registries) pull(ctx context.Context, image string) (v1.Image, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("naming the base image: %w", err)
	}
	img, err := remote.Image(ref, r.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("reading the base image %s: %w", image, err)
	}
	return img, nil
}

// write sends an image, and tells how much of it was sent.
func (r Registries) write(ctx context.Context, at name.Reference, img v1.Image, what string) error {
	updates := make(chan v1.Update, 64)
	told := make(chan struct{})
	go func() {
		defer close(told)
		for u := range updates {
			if u.Error == nil && u.Total > 0 {
				providers.Stage(ctx, fmt.Sprintf("%s: %d of %d MB", what, u.Complete>>20, (u.Total+1<<20-1)>>20))
			}
		}
	}()
	err := remote.Write(at, img, append(r.options(ctx), remote.WithProgress(updates))...)
	<-told
	return err
}

func (r Registries) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(r.Keys), remote.WithTransport(r.Transport), remote.WithPlatform(r.Platform),
		remote.WithUserAgent("ferry"), remote.WithJobs(4),
	}
}

// StatusOf is the HTTP status that a registry answered with, 0 when it did not.
func StatusOf(err error) int {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.StatusCode
}
