//go:build !unix

package main

import (
	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/providers/all"
)

// wiring is ferry's own: a process sends itself no signals here.
func wiring() cmd.Invocation { return cmd.Invocation{Providers: all.Providers} }
