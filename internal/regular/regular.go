// Package regular opens files that other people made, and nothing else by mistake: a named pipe in the place of a file
// blocks whoever opens it, and a device may do anything.
package regular

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Error is that something is there, and is no file.
type Error struct {
	Path string
	Mode fs.FileMode
}

func (e *Error) Error() string { return e.Path + " is a " + Kind(e.Mode) + ", not a file" }

// Kind is the word for what is no regular file.
func Kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	default:
		return "special file"
	}
}

// Open opens a regular file, or a link to one, for reading. All else is an *Error, at once: it is looked at before it is
// opened, and again after, should it have become something else meanwhile.
func Open(path string) (*os.File, error) {
	f, _, err := open(path)
	return f, err
}

// open returns also the state that the file was in before it was opened.
func open(path string) (*os.File, fs.FileInfo, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if err := check(path, before); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = check(path, info)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, before, nil
}

// Read returns what a regular file holds.
func Read(path string) ([]byte, error) {
	data, _, err := ReadWith(path)
	return data, err
}

// ReadWith returns what a regular file holds, and the state that it was in before it was read.
func ReadWith(path string) ([]byte, fs.FileInfo, error) {
	f, before, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	var data bytes.Buffer
	data.Grow(int(before.Size()) + bytes.MinRead)
	_, err = data.ReadFrom(f)
	return data.Bytes(), before, errors.Join(err, f.Close())
}

// Exists is whether a regular file is there. A folder in its place is no file of that name; what would block whoever
// opens it is an *Error.
func Exists(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return false, nil //nolint:nilerr // what cannot be looked at is not there
	}
	return info.Mode().IsRegular(), check(path, info)
}

func check(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &Error{Path: path, Mode: info.Mode()}
}
