package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Readiness is how the platform knows that an instance can take requests.
type Readiness string

// The ways.
const (
	// ReadyShim asks GET /.ferry/probe until the instance answers with its own digest and nonce.
	ReadyShim Readiness = "shim"
	// ReadyPort waits until the port accepts a connection.
	ReadyPort Readiness = "port"
)

// Revision is one immutable version of a function.
type Revision struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
	// Command is the program and its arguments. The program is absolute or a slash path in the package; the
	// package is the working folder.
	Command []string `json:"command"`
	// Interpreter is kept for the caller, who says what it means: what the program is, where it can be found anew.
	Interpreter string            `json:"interpreter,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	// Secrets are environment names and the names of the secrets whose values they get.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Caches are environment names that get the path of a folder, which all instances of the revision share
	// and may lose: compiled code, so that a cold start need not compile again.
	Caches      map[string]string `json:"caches,omitempty"`
	Timeout     time.Duration     `json:"timeout"`           // of one request; 0 is none
	Memory      int64             `json:"memory,omitempty"`  // bytes of one instance; 0 is no limit
	Idle        time.Duration     `json:"idle,omitempty"`    // after which an instance without requests ends; 0 leaves it to the platform
	Min         int               `json:"min,omitempty"`     // instances kept warm
	Max         int               `json:"max"`               // instances at most; at least 1
	Concurrency int               `json:"concurrency"`       // requests at once in one instance; at least 1
	Private     bool              `json:"private,omitempty"` // the gateway refuses it, Invoke does not
	HTTP        bool              `json:"http,omitempty"`    // the gateway routes to it
	Batches     bool              `json:"batches,omitempty"` // its shim takes the messages of a batch together
	Readiness   Readiness         `json:"readiness"`
}

func (r Revision) check() error {
	switch {
	case r.ID == "" || !isName(r.ID):
		return &Error{Code: CodeInvalid, Message: "the revision id " + quote(r.ID) + " cannot be a folder's name"}
	case len(r.Command) == 0:
		return &Error{Code: CodeInvalid, Message: "the revision has no command"}
	case r.Max < 1 || r.Concurrency < 1 || r.Min < 0 || r.Min > r.Max:
		return &Error{Code: CodeInvalid, Message: "the revision's scaling is contradictory"}
	}
	return nil
}

// PutRevision stores a revision and unpacks its package, a zip file. Nothing half is ever visible, also while the
// function is being removed. A revision that is stored already stays as it is, unless its files are gone; only its descriptor is replaced where it
// differs (an interpreter that has moved), and running instances keep theirs.
func (h Home) PutRevision(ctx context.Context, s Scope, function string, r Revision, zipFile string) (err error) {
	if err := errors.Join(s.check(function), r.check()); err != nil {
		return err
	}
	if had, err := h.Revision(s, function, r.ID); err == nil {
		switch {
		case !h.Unpacked(s, function, r):
			if err := discard(h.revision(s, function, r.ID)); err != nil {
				return err
			}
		case reflect.DeepEqual(had, r):
			return nil
		default:
			return h.Describe(s, function, r)
		}
	}
	sweepOld(h.revisions(s, function))
	if err := mkdirAll(h.staging()); err != nil {
		return err
	}
	sweepOld(h.staging())
	work, err := os.MkdirTemp(h.staging(), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	files := filepath.Join(work, "package")
	if err := os.Mkdir(files, 0o700); err != nil {
		return err
	}
	var all errgroup.Group // a disk takes both in the time of one
	all.Go(func() error { return writeJSON(filepath.Join(work, "revision.json"), r) })
	all.Go(func() error {
		if err := unpack(ctx, zipFile, files); err != nil {
			return fmt.Errorf("unpacking the package of %s: %w", function, err)
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return err
	}
	return h.place(work, s, function, r.ID)
}

// Unpacked reports whether the package of a stored revision is there: the file that it begins with.
func (h Home) Unpacked(s Scope, function string, r Revision) bool {
	entry := r.Command[len(r.Command)-1]
	if filepath.IsAbs(entry) {
		return true
	}
	_, err := os.Stat(h.revision(s, function, r.ID, "package", filepath.FromSlash(entry)))
	return err == nil
}

// Describe replaces the descriptor of a stored revision, which the next instance starts by. It makes no folder: the
// revision may be removed meanwhile.
func (h Home) Describe(s Scope, function string, r Revision) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return replace(h.revision(s, function, r.ID, "revision.json"), append(data, '\n'))
}

// place moves a revision to where it is looked for. The folder above may be removed at the same time, and what a
// lost race left there is no revision.
func (h Home) place(work string, s Scope, function, id string) error {
	const tries = 10
	final := h.revision(s, function, id)
	for try := 1; ; try++ {
		err := mkdirAll(h.revisions(s, function))
		if err == nil {
			err = os.Rename(work, final)
		}
		if err == nil {
			err = SyncDir(h.revisions(s, function))
			if errors.Is(err, fs.ErrNotExist) {
				return failed(CodeConflict, function, "%s was removed while its revision %s was being stored", function, id)
			}
			return err
		}
		if _, lost := h.Revision(s, function, id); lost == nil {
			return nil // somebody else stored the same revision meanwhile
		}
		if try == tries || !errors.Is(err, fs.ErrNotExist) && ignoreFilled(err) != nil {
			return err
		}
		if err := discard(final); err != nil {
			return err
		}
	}
}

// Revision reads a stored revision. The failure of one that is not stored is CodeNotFound.
func (h Home) Revision(s Scope, function, id string) (Revision, error) {
	var r Revision
	if err := s.check(function, id); err != nil {
		return r, err
	}
	err := readJSON(h.revision(s, function, id, "revision.json"), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, failed(CodeNotFound, function, "%s has no revision %s", function, id)
	}
	return r, err
}

// Revisions lists a function's stored revisions, oldest first.
func (h Home) Revisions(s Scope, function string) ([]Revision, error) {
	if err := s.check(function); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(h.revisions(s, function))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type stored struct {
		Revision
		at time.Time
	}
	var found []stored
	for _, e := range entries {
		if !isName(e.Name()) {
			continue
		}
		r, err := h.Revision(s, function, e.Name())
		if CodeOf(err) == CodeNotFound {
			continue // removed meanwhile
		}
		info, statErr := e.Info()
		if err = errors.Join(err, statErr); err != nil {
			return nil, err
		}
		found = append(found, stored{r, info.ModTime()})
	}
	slices.SortStableFunc(found, func(a, b stored) int { return a.at.Compare(b.at) })
	list := make([]Revision, len(found))
	for i, f := range found {
		list[i] = f.Revision
	}
	return list, nil
}

// discard deletes a folder so that a kill leaves nothing that counts as a revision.
func discard(dir string) error {
	gone := filepath.Join(filepath.Dir(dir), ".gone-"+filepath.Base(dir))
	if err := removeAll(gone); err != nil { // of a deletion that was killed
		return err
	}
	err := os.Rename(dir, gone)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return removeAll(gone)
}

// removeAll deletes a folder, also one that a revision is being moved into by somebody who knew it under its former name.
func removeAll(dir string) error {
	const tries = 10
	for try := 1; ; try++ {
		err := os.RemoveAll(dir)
		if try == tries || ignoreFilled(err) != nil || err == nil {
			return err
		}
	}
}
