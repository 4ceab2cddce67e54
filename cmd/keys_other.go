//go:build !linux && !darwin

package cmd

import (
	"context"
	"errors"
	"os"
)

// readKeys is not to be had here, where the local platform does not run either.
func readKeys(context.Context, *os.File) (typed <-chan byte, restore func(), err error) {
	return nil, nil, errors.New("single keys cannot be read on this system")
}
