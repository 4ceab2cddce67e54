package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/ferryfn/ferry/internal/regular"
)

// Error is a package that could not be built for a reason that is the user's to mend.
type Error struct {
	Function string
	File     string // slash path from the packager's root, "" when it is not about one file
	Line     int    // 0 is unknown
	Column   int
	Message  string
	Hint     string // one imperative line, may be empty
	Err      error  // the cause, may be nil
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Errors are several reasons why one package could not be built, in the order of the sources.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Join returns one error as itself and several as Errors; there must be one.
func (es Errors) Join() error {
	if len(es) == 1 {
		return es[0]
	}
	return es
}

// Problem is an error that is not about a line.
func Problem(file, hint, format string, args ...any) *Error {
	return &Error{File: file, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// ReadProblem explains why a file of the user cannot be read.
func ReadProblem(path, shown string, err error) error {
	var other *regular.Error
	switch {
	case errors.As(err, &other):
		e := Problem(path, "replace it with a file, or remove it", "%s is a %s, not a file", shown, regular.Kind(other.Mode))
		e.Err = err
		return e
	case errors.Is(err, fs.ErrPermission):
		e := Problem(path, "make it readable, or leave it out with build.exclude", "%s cannot be read", shown)
		e.Err = err
		return e
	case errors.Is(err, fs.ErrNotExist):
		e := Problem(path, "build again", "%s disappeared while it was being packaged", shown)
		e.Err = err
		return e
	default:
		return fmt.Errorf("reading %s: %w", shown, err)
	}
}

// WriteProblem explains why the cache cannot be written.
func WriteProblem(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		e := Problem("", "make the folder writable, or set FERRY_HOME to one that is", "the build cache in %s cannot be written: %s", dir, reason(err))
		e.Err = err
		return e
	case isFull(err):
		e := Problem("", "free some space, or set FERRY_HOME to a folder on another disk", "the disk of the build cache in %s is full", dir)
		e.Err = err
		return e
	default:
		return fmt.Errorf("writing the build cache: %w", err)
	}
}

// reason is the cause without the operation and the path around it.
func reason(err error) string {
	var cause syscall.Errno
	if errors.As(err, &cause) {
		return cause.Error()
	}
	return err.Error()
}

// Exists is whether there is something at a path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
