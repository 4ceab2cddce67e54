//go:build linux || darwin

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

// beside has processes do something at once only with the same: the first one's counts as long as any of them is there. What it
// returns is that, and leaves them; so does the end of the process, whatever way that comes.
func beside(ctx context.Context, path, mine string) (theirs string, leave func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, err
	}
	leave = func() { _ = file.Close() }
	err = until.True(ctx, until.Rule{For: "another process, which has locked " + path, First: 10 * time.Millisecond}, func() (bool, error) {
		if locked(file, syscall.LOCK_EX) == nil { // nobody else is there
			if err := errors.Join(file.Truncate(0), write(file, mine)); err != nil {
				return false, err
			}
		}
		// Who waits for it may have it before it is shared, and has written then.
		switch err := locked(file, syscall.LOCK_SH); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case err != nil:
			return false, err
		}
		said, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<16))
		theirs = string(said)
		return true, err
	})
	if err != nil {
		leave()
		return "", nil, fmt.Errorf("sharing %s: %w", path, err)
	}
	return theirs, leave, nil
}

func locked(file *os.File, how int) error {
	for {
		if err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) { //nolint:gosec // a descriptor
			return err
		}
	}
}

func write(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}
