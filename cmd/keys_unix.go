//go:build linux || darwin

package cmd

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// readKeys has a terminal hand over each key as it is typed, without showing it, until ctx ends or restore is called: then the
// terminal is as it was before. Ctrl-C stays a signal.
func readKeys(ctx context.Context, terminal *os.File) (typed <-chan byte, restore func(), err error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, nil, fmt.Errorf("asking the terminal for its mode: %w", err)
	}
	mode := *before
	mode.Lflag &^= unix.ICANON | unix.ECHO
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &mode); err != nil {
		return nil, nil, fmt.Errorf("setting the mode of the terminal: %w", err)
	}
	restore = func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }
	context.AfterFunc(ctx, restore)
	keys := make(chan byte)
	go func() {
		one := make([]byte, 1)
		for {
			if n, err := terminal.Read(one); n == 0 || err != nil {
				return
			}
			select {
			case keys <- one[0]:
			case <-ctx.Done():
				return
			}
		}
	}()
	return keys, restore, nil
}
