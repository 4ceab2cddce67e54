package cmd

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// counting is a platform that counts the processors that it is served with.
type counting struct {
	providers.Host
	processors *int
}

func (c counting) Serve(context.Context, io.Writer) error {
	*c.processors = runtime.GOMAXPROCS(0)
	return nil
}

func TestThePlatformLeavesHalfOfTheProcessorsToItsFunctions(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	for has, want := range map[int]int{8: 4, 3: 1, 1: 1} {
		runtime.GOMAXPROCS(has)
		var served int
		var errs bytes.Buffer
		code := Main(t.Context(), Invocation{
			Args: []string{"local", "serve"}, Environ: []string{"FERRY_HOME=" + t.TempDir()}, Dir: t.TempDir(), Version: "v1.2.3", Now: time.Now,
			Streams: Streams{In: strings.NewReader(""), Out: Output{Writer: io.Discard}, Err: Output{Writer: &errs}},
			Providers: func() []providers.Provider {
				return []providers.Provider{{Name: "local", Host: func(providers.Home, string) providers.Host { return counting{processors: &served} }}}
			},
		})
		if code != exitDone || served != want {
			t.Errorf("of %d processors the platform has %d, want %d (exit code %d: %s)", has, served, want, code, errs.String())
		}
	}
}
