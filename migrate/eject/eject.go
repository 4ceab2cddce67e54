// Package eject writes a service as files of its provider's own tools, from which it is deployed without ferry.
package eject

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Report is what became of a service.
type Report struct {
	Format   string     `json:"format"`   // whose files they are
	Files    []string   `json:"files"`    // slash paths, sorted; an unpacked package is its folder
	Mapped   []Mapped   `json:"mapped"`   // the settings that stand in the files
	Unmapped []Unmapped `json:"unmapped"` // those that do not
	Settings int        `json:"settings"` // all: those of Mapped and of Unmapped together
	Steps    []string   `json:"steps"`    // what is left to do, in this order
}

// Mapped is a setting of the manifest that stands in the files.
type Mapped struct {
	Path string `json:"path"` // as in functions.api.memory
	To   string `json:"to"`
}

// Unmapped is a setting that stands in none.
type Unmapped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Write makes the folder of a service, which is not there yet.
func Write(dir string, m *manifest.Manifest, of providers.Ejector, specs []providers.Spec) (Report, error) {
	e, err := of.Eject(specs)
	if err != nil {
		return Report{}, err
	}
	r, err := account(m, specs, e)
	if err != nil {
		return Report{}, err
	}
	e.Files["README.md"] = r.readme(m)
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		if err := write(dir, name, 0o644, bytes.NewReader(e.Files[name])); err != nil {
			return Report{}, err
		}
		r.Files = append(r.Files, name)
	}
	for _, p := range e.Packages {
		if err := lay(dir, p); err != nil {
			return Report{}, fmt.Errorf("writing the package of %s: %w", p.Function, err)
		}
		r.Files = append(r.Files, p.Path)
	}
	slices.Sort(r.Files)
	return r, nil
}

// lay puts a package into the folder.
func lay(dir string, p providers.EjectedPackage) error {
	from, err := p.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was read
	if !p.Unpacked {
		return write(dir, p.Path, 0o644, from)
	}
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		content, err := f.Open()
		if err != nil {
			return err
		}
		err = write(filepath.Join(dir, filepath.FromSlash(p.Path)), f.Name, f.Mode().Perm(), content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, name string, mode os.FileMode, from io.Reader) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%s lies outside the folder", name)
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// readme says how the folder is used.
func (r Report) readme(m *manifest.Manifest) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s, stage %s\n\nFiles of %s, with the packages as they were built. No ferry is needed to deploy them.\n\n", m.Service, m.Stage, r.Format)
	for i, step := range r.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, step)
	}
	if len(r.Unmapped) > 0 {
		b.WriteString("\nWhat these files do not say:\n\n")
	}
	for _, u := range r.Unmapped {
		fmt.Fprintf(&b, "- %s: %s\n", u.Path, u.Reason)
	}
	return b.Bytes()
}
