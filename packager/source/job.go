// Package source knows the folder that a function is made from: what of it goes into a package, what was read of it,
// and what is wrong with it. The packagers of all languages build on it.
package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/ferryfn/ferry/manifest"
)

// Job is one function on its way into a package: all that the packager of a language is handed.
type Job struct {
	Function manifest.Function
	Platform Platform
	Root     string    // the manifest's folder, absolute
	Dir      string    // the source folder, absolute
	Cache    string    // folder of the build cache, absolute: ferry's own
	In       *Recorder // of what the package is made from
	// Looks are shared with the other functions of a run; Seen are those that this one took files from.
	Looks *Findings[*Look]
	Seen  []*Look
	// Checked are folders in which nothing is wrong that would hinder a build, shared in the same way.
	Checked *sync.Map
	// Shims are entry shims as they are made small, shared in the same way, by what they were.
	Shims *Findings[[]byte]
	// Scratch makes a folder for work in progress, which the caller removes.
	Scratch func() (string, error)
	// Install returns the folder of an installation. What is not there yet, fill makes in a folder of its own.
	Install func(ctx context.Context, i Installation, fill func(dir string) error) (string, error)
}

// Installation is libraries that were installed once for all functions that ask for the same.
type Installation struct {
	Kind string // what installs them
	Of   []any  // all that decides what is installed
	// Floats is whether the same wishes may give something else at another time.
	Floats bool
}

// Content is what goes into a package, and what is known of it.
type Content struct {
	Files    []File
	Entry    string // what the platform starts: a slash path inside the package
	Packages []Package
	Tools    []Tool
	Done     func() // frees what the files need until they are packed; may be nil
	// Noting completes what is noted of the sources, and adds the libraries that it finds to a copy of the content. It has
	// time until the files are packed; may be nil.
	Noting func(of *Content) error
	// Metafile is what esbuild says of a bundle, in its own form; nil without a bundle.
	Metafile json.RawMessage
	// Unbundled is why packages stayed out of a bundle without being told to, by name.
	Unbundled map[string]string
	// Read is what of one's own files came along because the code reads it: why, by the name in the package.
	Read     map[string]string
	Warnings []Warning
}

// Warning is something about the sources that does not keep a package from being made, and may surprise whoever calls it.
type Warning struct {
	File    string `json:"file,omitempty"` // slash path from the source folder, "" when it is not about one file
	Line    int    `json:"line,omitempty"` // 0 is unknown
	Message string `json:"message"`        // names file and line itself
	Hint    string `json:"hint,omitempty"` // one imperative line
}

// Package is a library of a package registry.
type Package struct {
	Type    string `json:"type"` // npm, pypi or golang, as package URLs have it
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Tool is a program or library that made a part of the package.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Add notes a library, when it says what it is.
func (c *Content) Add(kind, name, version string) {
	if name != "" && version != "" {
		c.Packages = append(c.Packages, Package{kind, name, version})
	}
}

// Note notes a tool, when its version is known.
func (c *Content) Note(name, version string) {
	if version != "" {
		c.Tools = append(c.Tools, Tool{name, version})
	}
}

// DigestOf stands for values, in hex.
func DigestOf(parts ...any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(parts); err != nil {
		panic(fmt.Sprintf("a function always has a JSON form: %v", err))
	}
	return hex.EncodeToString(h.Sum(nil))
}
