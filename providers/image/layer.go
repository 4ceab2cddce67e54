package image

import (
	"archive/tar"
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// layer is the content of a zip in a folder of an image. Its bytes are made whenever they are read, and never kept.
type layer struct {
	zip, folder  string
	kind         types.MediaType
	digest, diff v1.Hash
	size         int64
}

var _ v1.Layer = (*layer)(nil)

// newLayer reads a zip once, to know the layer's digests. The layer is for an image of that kind.
func newLayer(zip, folder string, image types.MediaType) (*layer, error) {
	l := &layer{zip: zip, folder: strings.Trim(folder, "/"), kind: types.DockerLayer}
	if image == types.OCIManifestSchema1 {
		l.kind = types.OCILayer
	}
	compressed, plain := &counted{sum: sha256.New()}, &counted{sum: sha256.New()}
	z := gzip.NewWriter(compressed)
	if err := l.write(io.MultiWriter(z, plain)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	l.digest, l.diff, l.size = compressed.hash(), plain.hash(), compressed.size
	return l, nil
}

// Digest is that of the compressed bytes.
func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the digest of the bytes before they are compressed.
func (l *layer) DiffID() (v1.Hash, error) { return l.diff, nil }

// Size is how many bytes the compressed ones are.
func (l *layer) Size() (int64, error) { return l.size, nil }

// MediaType is that of the layers of the image.
func (l *layer) MediaType() (types.MediaType, error) { return l.kind, nil }

// Uncompressed are the bytes of the tar.
func (l *layer) Uncompressed() (io.ReadCloser, error) { return l.read(l.write), nil }

// Compressed are the same, compressed.
func (l *layer) Compressed() (io.ReadCloser, error) {
	return l.read(func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := l.write(z); err != nil {
			return err
		}
		return z.Close()
	}), nil
}

// read reads what is being written. Whoever stops to read ends the writing.
func (l *layer) read(write func(io.Writer) error) io.ReadCloser {
	from, to := io.Pipe()
	go func() { to.CloseWithError(write(to)) }()
	return from
}

// write writes the tar: the folders and files of the zip in its own order, with nothing in it that another zip of the same
// content would not have.
func (l *layer) write(to io.Writer) error {
	content, err := zip.OpenReader(l.zip)
	if err != nil {
		return err
	}
	defer content.Close()
	w := tar.NewWriter(to)
	made := map[string]bool{}
	for _, f := range content.File {
		at := path.Join(l.folder, f.Name)
		if err := folders(w, path.Dir(at), made); err != nil {
			return err
		}
		if err := file(w, at, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return w.Close()
}

// folders writes a folder and those that it is in, once.
func folders(w *tar.Writer, dir string, made map[string]bool) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := folders(w, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: epoch()})
}

func file(w *tar.Writer, at string, f *zip.File) error {
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: at, Size: int64(f.UncompressedSize64), Mode: int64(f.Mode().Perm()), ModTime: epoch(),
	})
	if err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// counted counts and digests what is written.
type counted struct {
	sum  hash.Hash
	size int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return c.sum.Write(p)
}

func (c *counted) hash() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(c.sum.Sum(nil))}
}
