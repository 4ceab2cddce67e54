package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// artifactType is that of bytes which are no image.
const artifactType = types.MediaType("application/vnd.ferry.package")

// Keep puts bytes into a repository, as an artifact of one layer, and returns it by its digest. Another title makes another
// artifact of equal bytes, so that one can be deleted without the other.
func (r Registries) Keep(ctx context.Context, repository, title string, body io.ReadSeeker) (string, error) {
	sum := &counted{sum: sha256.New()}
	if _, err := io.Copy(sum, body); err != nil {
		return "", err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.oci.empty.v1+json")
	img, err := mutate.AppendLayers(img, &content{body, sum})
	if err != nil {
		return "", err
	}
	img = mutate.Annotations(img, map[string]string{"org.opencontainers.image.title": title}).(v1.Image)
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	at, err := name.NewDigest(repository + "@" + digest.String())
	if err != nil {
		return "", fmt.Errorf("naming the artifact: %w", err)
	}
	if err := remote.Write(at, img, r.options(ctx)...); err != nil {
		return "", fmt.Errorf("keeping %s: %w", at, err)
	}
	return at.String(), nil
}

// Artifact opens the bytes of an artifact. What arrives is compared with its digest.
func (r Registries) Artifact(ctx context.Context, at string) (io.ReadCloser, error) {
	img, err := r.pull(ctx, at)
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", at, err)
	}
	if len(layers) != 1 {
		return nil, fmt.Errorf("reading %s: it is no artifact of ferry's", at)
	}
	return layers[0].Compressed()
}

// content is bytes as a layer.
type content struct {
	body io.ReadSeeker
	sum  *counted
}

var _ v1.Layer = (*content)(nil)

func (c *content) Digest() (v1.Hash, error)             { return c.sum.hash(), nil }
func (c *content) DiffID() (v1.Hash, error)             { return c.sum.hash(), nil }
func (c *content) Size() (int64, error)                 { return c.sum.size, nil }
func (c *content) MediaType() (types.MediaType, error)  { return artifactType, nil }
func (c *content) Uncompressed() (io.ReadCloser, error) { return c.Compressed() }

// Compressed are the bytes from their start: who sends them again reads them again.
func (c *content) Compressed() (io.ReadCloser, error) {
	_, err := c.body.Seek(0, io.SeekStart)
	return io.NopCloser(c.body), err
}
