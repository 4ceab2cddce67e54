// Command ferry deploys functions to any cloud from one manifest, and rolls them back.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/providers/all"
)

// version is set by the release build.
var version string

func main() { os.Exit(run()) }

func run() int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: the current folder is gone:", err)
		return 1
	}
	ctx, stop := cmd.Interruptible(context.Background(), os.Exit)
	defer stop()
	return cmd.Main(ctx, cmd.Invocation{
		Args: os.Args[1:], Environ: os.Environ(), Dir: dir, Streams: cmd.SystemStreams(),
		Providers: all.Providers, Version: version, Now: time.Now,
	})
}
