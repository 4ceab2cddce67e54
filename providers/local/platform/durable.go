package platform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeJSON replaces a file whole: after a kill or on a full disk it holds the old content or the new one.
// The new content is on the disk when it returns.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteFile(path, append(data, '\n'))
}

// WriteFile replaces a file (0600) whole and makes it durable; missing folders are made (0700).
func WriteFile(path string, data []byte) error {
	if err := mkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return replace(path, data)
}

// replace is WriteFile into a folder that must be there.
func replace(path string, data []byte) error {
	f, err := draft(path, data)
	if err == nil {
		err = install(f, path, f.Sync())
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	return err
}

// draft is a file with the data, beside the one at the path. What is installed without a sync survives every kill, and may be gone,
// or empty, after a loss of power.
func draft(path string, data []byte) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(data); err != nil {
		return nil, install(f, path, err)
	}
	return f, nil
}

// install puts a draft in the place of the file at the path. One that something failed for goes.
func install(f *os.File, path string, err error) error {
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// mkdirAll makes a folder (0700) and those above it, durably.
func mkdirAll(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := mkdirAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := SyncDir(above); !errors.Is(err, fs.ErrPermission) { // a folder that is not ours to read
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return syncDir(d)
}

// errEmpty is the failure to read a file as a loss of power leaves it whose content was not on the disk.
var errEmpty = errors.New("the file is empty")

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err = json.Unmarshal(data, v); len(bytes.Trim(data, "\x00")) == 0 {
		err = errEmpty
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// halfTime is after what time nobody is at a file or folder any more that was begun and not finished.
const halfTime = time.Hour

// sweepOld deletes what kills left in a folder of things that were being written or deleted.
func sweepOld(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".gone-"):
			_ = os.RemoveAll(path)
		case strings.HasPrefix(e.Name(), ".new-"):
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > halfTime {
				_ = discard(path)
			}
		}
	}
}
