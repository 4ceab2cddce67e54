package packager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
)

// Bill is what really went into a package.
type Bill struct {
	Function string `json:"function"`
	Provenance
	Artifact Artifact         `json:"artifact"`
	Platform Platform         `json:"platform"`
	Asked    string           `json:"asked"` // digest of what the manifest says of the package, with the shim
	Inputs   []Input          `json:"inputs"`
	Packages []source.Package `json:"packages"`
	Tools    []source.Tool    `json:"tools"`
	// Metafile is what esbuild says of a bundle, in its own form; nil without a bundle.
	Metafile json.RawMessage `json:"metafile,omitempty"`
	// Unbundled is why packages stayed out of a bundle without being told to, by name.
	Unbundled map[string]string `json:"unbundled,omitempty"`
	// Read is what of one's own files came along because the code reads it: why, by the name in the package.
	Read map[string]string `json:"read,omitempty"`
}

// Provenance says what a package was made from, by what and when. It is part of no digest.
type Provenance struct {
	Commit string    `json:"commit,omitempty"` // git commit of the sources, "" outside a repository
	Dirty  bool      `json:"dirty"`            // the sources differed from the commit
	Ferry  string    `json:"ferry"`            // version of ferry
	Time   time.Time `json:"time,omitzero"`
}

// Input is a file that was read for a package: it is in the package, or decided what is.
type Input struct {
	Path   string `json:"path"` // slash path from the packager's root; it may begin with ".."
	Size   int64  `json:"size"`
	Digest string `json:"digest"` // "sha256:…" of the content
}

// billOf is what is known of a package when it was made, in an order that does not depend on how it was made.
func billOf(made source.Content) Bill {
	slices.SortFunc(made.Packages, func(a, z source.Package) int {
		return cmp.Or(cmp.Compare(a.Type, z.Type), cmp.Compare(a.Name, z.Name), cmp.Compare(a.Version, z.Version))
	})
	slices.SortFunc(made.Tools, func(a, z source.Tool) int {
		return cmp.Or(cmp.Compare(a.Name, z.Name), cmp.Compare(a.Version, z.Version))
	})
	return Bill{
		Packages: slices.Compact(made.Packages), Tools: slices.Compact(made.Tools),
		Metafile: made.Metafile, Unbundled: made.Unbundled, Read: made.Read,
	}
}

// Bill packages a function as Build does, and returns what went in.
func (p *Packager) Bill(ctx context.Context, fn manifest.Function, pl Platform) (Bill, error) {
	made, err := p.build(ctx, fn, pl)
	var b Bill
	if err == nil && !made.torn {
		b, err = p.bill(made.entry, fn, pl)
	}
	if made.torn || errors.Is(err, fs.ErrNotExist) { // evicted between the two
		if made, err = p.anew().build(ctx, fn, pl); err == nil {
			b, err = p.bill(made.entry, fn, pl)
		}
		if err == nil && made.torn {
			err = source.Problem("", "package it again once nothing is writing to the sources", "the sources changed while they were being packaged")
		}
	}
	return b, p.attribute(fn, err)
}

// bill is what was noted when the function was built.
func (p *Packager) bill(e entry, fn manifest.Function, pl Platform) (Bill, error) {
	j := p.job(fn, pl)
	if err := j.render(); err != nil {
		return Bill{}, err
	}
	inputs, err := cache{dir: p.Cache}.inputs(e)
	if err != nil {
		return Bill{}, err
	}
	var b Bill
	if err := json.Unmarshal([]byte(e.Bill), &b); err != nil {
		return Bill{}, err
	}
	b.Function, b.Artifact, b.Platform, b.Asked = fn.Name, e.Artifact, pl, j.asked()
	slices.SortStableFunc(inputs, func(a, z source.Input) int { return strings.Compare(a.Path, z.Path) })
	for _, in := range slices.CompactFunc(inputs, func(a, z source.Input) bool { return a.Path == z.Path }) {
		if in.Kind != "f" {
			continue
		}
		rel, err := filepath.Rel(p.Root, in.Path)
		if err != nil {
			rel = in.Path
		}
		b.Inputs = append(b.Inputs, Input{filepath.ToSlash(rel), in.Size, "sha256:" + in.Sum})
	}
	return b, nil
}
