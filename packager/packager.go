// Package packager builds a function into a deterministic zip for one platform, and remembers what it built.
package packager

import (
	"context"

	"github.com/ferryfn/ferry/manifest"
)

// Platform is what a package is built for.
type Platform struct {
	Shim    string           `json:"shim"` // whose entry shim goes in: local, aws, gcp, azure
	OS      string           `json:"os"`   // as GOOS names it
	Arch    string           `json:"arch"` // as GOARCH names it
	Libc    string           `json:"libc,omitempty"`
	Runtime manifest.Runtime `json:"runtime"` // what will run it: on the local platform the interpreter found
	Source  bool             `json:"source,omitempty"`
	// MaxZip and MaxUnzipped are bytes; 0 is no limit.
	MaxZip      int64 `json:"max_zip,omitempty"`
	MaxUnzipped int64 `json:"max_unzipped,omitempty"`
}

// Artifact is a finished package.
type Artifact struct {
	Path      string `json:"path"`       // the zip file
	Digest    string `json:"digest"`     // "sha256:…" of the tree: paths, modes, contents
	ZipDigest string `json:"zip_digest"` // "sha256:…" of the zip's bytes
	Size      int64  `json:"size"`       // of the zip, in bytes
	Unzipped  int64  `json:"unzipped"`   // in bytes
	Files     int    `json:"files"`
	Entry     string `json:"entry"`  // what the platform starts: a slash path inside the package
	Cached    bool   `json:"cached"` // true when nothing was built
}

// Packager builds functions below one folder.
type Packager struct {
	Root    string // the manifest's folder, absolute
	Cache   string // folder of the build cache, absolute
	NoCache bool   // build even when nothing changed
}

// Build packages one function. It is safe to call from several goroutines and several processes at once.
func (p *Packager) Build(ctx context.Context, fn manifest.Function, pl Platform) (Artifact, error) {
	panic("being written")
}

// Error is a package that could not be built for a reason that is the user's to mend.
type Error struct {
	Function string
	File     string // "" when it is not about one file
	Line     int    // 0 is unknown
	Column   int
	Message  string
	Hint     string // one imperative line, may be empty
	Err      error  // the cause, may be nil
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }
