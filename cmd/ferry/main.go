// Command ferry deploys functions to any cloud from one manifest, and rolls them back.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
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
	collectLate(144<<20, 5*time.Second) // as much as bundling an app with some dozens of packages takes
	ctx, stop := cmd.Interruptible(context.Background(), os.Exit)
	defer stop()
	inv.Args, inv.Environ, inv.Dir, inv.Streams = os.Args[1:], os.Environ(), dir, cmd.SystemStreams()
	inv.Version, inv.Now, inv.Browse = version, time.Now, cmd.SystemBrowser
	return cmd.Main(ctx, inv)
}

// collectLate puts garbage collection off until the heap has grown to a size in bytes, or some time has passed; most
// commands end before. From then on memory is collected as in any Go program.
func collectLate(heap int64, most time.Duration) {
	usual, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(heap, limit))
	restore := sync.OnceFunc(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(usual)
	})
	runtime.SetFinalizer(new(*byte), func(any) { restore() })
	time.AfterFunc(most, restore)
}
