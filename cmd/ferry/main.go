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

func main() { os.Exit(run(cmd.Invocation{Providers: all.Providers})) }

// run completes the invocation with what this process is.
func run(inv cmd.Invocation) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: the current folder is gone:", err)
		return 1
	}
	ctx, stop := cmd.Interruptible(context.Background(), os.Exit)
	defer stop()
	inv.Args, inv.Environ, inv.Dir, inv.Streams = os.Args[1:], os.Environ(), dir, cmd.SystemStreams()
	inv.Version, inv.Now = version, time.Now
	return cmd.Main(ctx, inv)
}
