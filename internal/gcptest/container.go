package gcptest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/lambdatest"
)

// container is an image that has been unpacked. Its files lie in a folder, which its program is started in: what the program
// names by absolute paths in its command and its environment is looked for there.
type container struct {
	root   string
	config v1.Config
	spec   *run.GoogleCloudRunV2Container
}

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

// unpack writes the files of an image into a folder.
func unpack(image v1.Image, root string) (v1.Config, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return v1.Config{}, err
	}
	files := mutate.Extract(image)
	defer func() { _ = files.Close() }()
	archive := tar.NewReader(files)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return file.Config, nil
		}
		if err != nil {
			return v1.Config{}, err
		}
		if err := unpackEntry(archive, header, root); err != nil {
			return v1.Config{}, fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func unpackEntry(from io.Reader, header *tar.Header, root string) error {
	local := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	if local == "" {
		return nil
	}
	to := filepath.Join(root, filepath.FromSlash(local))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(to, 0o755)
	case tar.TypeSymlink:
		target := header.Linkname
		if path.IsAbs(target) {
			target = filepath.Join(root, target)
		}
		return os.Symlink(target, to)
	case tar.TypeLink:
		return os.Link(filepath.Join(root, path.Clean("/"+header.Linkname)), to)
	case tar.TypeReg:
		file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, header.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(file, from)
		return errors.Join(err, file.Close())
	}
	return nil
}

// command is what starts the container, on this machine. The rules are those of Kubernetes
// (https://cloud.google.com/run/docs/reference/rest/v2/Container).
func (k *container) command(ctx context.Context) ([]string, error) {
	argv := append(slices.Clone(k.config.Entrypoint), k.config.Cmd...)
	if len(k.spec.Command) > 0 {
		argv = append(slices.Clone(k.spec.Command), k.spec.Args...)
	} else if len(k.spec.Args) > 0 {
		argv = append(slices.Clone(k.config.Entrypoint), k.spec.Args...)
	}
	if len(argv) == 0 {
		return nil, errors.New("the image has neither entrypoint nor command")
	}
	program, err := k.program(ctx, argv[0])
	if err != nil {
		return nil, err
	}
	out := []string{program}
	for _, arg := range argv[1:] {
		out = append(out, k.here(arg))
	}
	return out, nil
}

// program finds what an image starts: a file of its own, or, as test images have no interpreters, one of this machine.
func (k *container) program(ctx context.Context, name string) (string, error) {
	if strings.Contains(name, "/") {
		file := k.path(name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	for _, variable := range k.config.Env {
		dirs, ok := strings.CutPrefix(variable, "PATH=")
		for dir := range strings.SplitSeq(dirs, ":") {
			file := filepath.Join(k.root, dir, name)
			if info, err := os.Stat(file); ok && err == nil && info.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	switch base := path.Base(name); {
	case base == "node":
		return lambdatest.Interpreter(ctx, "nodejs")
	case strings.HasPrefix(base, "python"):
		return k.python(ctx, base)
	default:
		return exec.LookPath(base)
	}
}

// python is an interpreter of this machine that sees nothing of what is installed on it.
func (k *container) python(ctx context.Context, name string) (string, error) {
	home := filepath.Join(k.root, "home", ".python")
	program := filepath.Join(home, "bin", "python3")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	interpreter, err := lambdatest.Interpreter(ctx, name)
	if err != nil {
		return "", err
	}
	return lambdatest.Alone(home, interpreter)
}

// path is where a path of the container lies on this machine.
func (k *container) path(p string) string {
	if path.IsAbs(p) {
		return filepath.Join(k.root, filepath.FromSlash(p))
	}
	return filepath.Join(k.dir(), filepath.FromSlash(p))
}

// dir is the working directory.
func (k *container) dir() string {
	dir := k.config.WorkingDir
	if k.spec.WorkingDir != "" {
		dir = k.spec.WorkingDir
	}
	return filepath.Join(k.root, filepath.FromSlash(path.Clean("/"+dir)))
}

// here is a value in which absolute paths of the container's are those of this machine.
func (k *container) here(value string) string {
	before, after := "", value
	if at := strings.LastIndex(value, "=/"); at >= 0 {
		before, after = value[:at+1], value[at+1:]
	}
	parts := strings.Split(after, ":")
	for i, part := range parts {
		if !path.IsAbs(part) || part == "/" {
			continue
		}
		if _, err := os.Stat(filepath.Join(k.root, part)); err == nil {
			parts[i] = filepath.Join(k.root, part)
		}
	}
	return before + strings.Join(parts, ":")
}
