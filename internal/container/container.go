// Package container starts images on this machine, for stand-ins of what runs containers: their files are unpacked into a
// folder, and what has no interpreter in it runs in one of this machine.
package container

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/ferryfn/ferry/internal/lambdatest"
)

// Container is an image that has been unpacked. Its files lie in a folder, which its program is started in: what the program
// names by absolute paths in its command and its environment is looked for there.
type Container struct {
	Root   string
	Config v1.Config
	// What a specification says in place of the image's own, nothing where it says nothing.
	Command, Args []string
	WorkingDir    string
}

// Unpack writes the files of an image into a folder.
func Unpack(image v1.Image, root string) (v1.Config, error) {
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

// Argv is what starts the container, on this machine. The rules are those of Kubernetes.
func (k *Container) Argv(ctx context.Context) ([]string, error) {
	argv := append(slices.Clone(k.Config.Entrypoint), k.Config.Cmd...)
	if len(k.Command) > 0 {
		argv = append(slices.Clone(k.Command), k.Args...)
	} else if len(k.Args) > 0 {
		argv = append(slices.Clone(k.Config.Entrypoint), k.Args...)
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
		out = append(out, k.Here(arg))
	}
	return out, nil
}

// program finds what an image starts: a file of its own, or, as test images have no interpreters, one of this machine.
func (k *Container) program(ctx context.Context, name string) (string, error) {
	if strings.Contains(name, "/") {
		file := k.path(name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	for _, variable := range k.Config.Env {
		dirs, ok := strings.CutPrefix(variable, "PATH=")
		for dir := range strings.SplitSeq(dirs, ":") {
			file := filepath.Join(k.Root, dir, name)
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
func (k *Container) python(ctx context.Context, name string) (string, error) {
	home := filepath.Join(k.Root, "home", ".python")
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
func (k *Container) path(p string) string {
	if path.IsAbs(p) {
		return filepath.Join(k.Root, filepath.FromSlash(p))
	}
	return filepath.Join(k.Dir(), filepath.FromSlash(p))
}

// Dir is the working directory.
func (k *Container) Dir() string {
	dir := k.Config.WorkingDir
	if k.WorkingDir != "" {
		dir = k.WorkingDir
	}
	return filepath.Join(k.Root, filepath.FromSlash(path.Clean("/"+dir)))
}

// Here is a value in which absolute paths of the container's are those of this machine.
func (k *Container) Here(value string) string {
	before, after := "", value
	if at := strings.LastIndex(value, "=/"); at >= 0 {
		before, after = value[:at+1], value[at+1:]
	}
	parts := strings.Split(after, ":")
	for i, part := range parts {
		if !path.IsAbs(part) || part == "/" {
			continue
		}
		if _, err := os.Stat(filepath.Join(k.Root, part)); err == nil {
			parts[i] = filepath.Join(k.Root, part)
		}
	}
	return before + strings.Join(parts, ":")
}
