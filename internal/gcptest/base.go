package gcptest

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"google.golang.org/api/artifactregistry/v1"
)

// BaseImage puts an image that everybody may read where Google has those of its runtimes
// (https://cloud.google.com/run/docs/configuring/services/runtime-base-images), as
// BaseImage("google-22/runtimes/nodejs22", "1"), and gives its name. Another edition is another image under the same name. It
// holds next to nothing: what is laid over it runs in the interpreters of this machine.
func (s *Server) BaseImage(path, edition string) string {
	id, _, _ := strings.Cut(path, "/")
	s.mu.Lock()
	if s.repositoryAt(publicProject, id) == nil {
		s.addRepository(&artifactregistry.Repository{
			Name: "projects/" + publicProject + "/locations/" + Region + "/repositories/" + id, Format: "DOCKER",
		})
	}
	s.mu.Unlock()
	image, err := imageOf(map[string]string{"etc/google-runtime": edition + "\n"}, v1.Config{
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PORT=8080"}, WorkingDir: "/workspace", User: "33:33",
	})
	if err == nil {
		err = s.store(s.registryHost()+"/"+publicProject+"/"+path, image)
	}
	if err != nil {
		s.t.Errorf("gcptest: %v", err)
	}
	return s.registryHost() + "/" + publicProject + "/" + path
}

// store puts an image into the registry, as Google itself may.
func (s *Server) store(reference string, image v1.Image) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	return remote.Write(ref, image, remote.WithTransport(within{s}), remote.WithContext(s.alive))
}

// imageOf is an image for Linux with one layer of these files.
func imageOf(files map[string]string, config v1.Config) (v1.Image, error) {
	var data bytes.Buffer
	archive := tar.NewWriter(&data)
	for _, file := range sorted(files) {
		header := &tar.Header{Name: file, Mode: 0o755, Size: int64(len(files[file])), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(archive, files[file]); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	return configured(layer, config)
}
