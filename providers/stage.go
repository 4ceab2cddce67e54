package providers

import (
	"context"
	"sync"
)

type stagesKey struct{}

// WithStages is a context under which an adapter tells what its long work is at. One stage is passed on once, however often
// it is told, as by who looks again and again.
func WithStages(ctx context.Context, tell func(stage string)) context.Context {
	var mu sync.Mutex
	last := ""
	return context.WithValue(ctx, stagesKey{}, func(stage string) {
		mu.Lock()
		defer mu.Unlock()
		if stage != last {
			last = stage
			tell(stage)
		}
	})
}

type attendedKey struct{}

// Attended is for who runs the platform of this machine in its own process: with this context no adapter starts one beside it.
func Attended(ctx context.Context) context.Context {
	return context.WithValue(ctx, attendedKey{}, true)
}

// IsAttended reports whether a platform that does not run is to stay away.
func IsAttended(ctx context.Context) bool {
	attended, _ := ctx.Value(attendedKey{}).(bool)
	return attended
}

// Stage tells the caller what long work is at, as "building the image" or "waiting for the host": a few words in lower case,
// which are shown with how long it takes. A call that is quick tells none, and none is told after the call returned.
func Stage(ctx context.Context, stage string) {
	if tell, ok := ctx.Value(stagesKey{}).(func(string)); ok {
		tell(stage)
	}
}
