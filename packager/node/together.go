package node

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// Together has functions of one source folder that wait for their turn bundled in one run of esbuild, which finds, reads and
// parses once what they share. It links each entry point for itself, with the modules that it reaches, so that a
// function gets the bundle that it would get alone. The zero value is ready.
type Together struct {
	mu      sync.Mutex
	waiting []*bundle
	hopeful map[*source.Job]*bundle // those that wait, and those that waited and are not done
	running map[*source.Job]*run    // of those that were bundled with another one, or are
	sizes   map[string]int          // of what a bundle was made from, in bytes, by what is alike
}

const (
	mostTogether  = 64       // functions of one run, at most
	bytesTogether = 16 << 20 // of what the bundles of a run are made from, at most: all are in memory at once
)

// run is one of esbuild for several functions. It is complete when done is closed.
type run struct {
	began time.Time
	done  chan struct{}
	each  map[string]part // by handler, without those that have to be bundled alone
}

// part is what a run made for one function.
type part struct {
	result api.BuildResult
	from   map[string]*sourceFile
}

// Expect says that a function waits to be packaged, until leave is called.
func (t *Together) Expect(of *source.Job, shim templates.Shim) (leave func()) {
	j := &job{Job: of, shim: shim}
	here, err := filepath.EvalSymlinks(j.Dir)
	frameworks, broken := j.frameworks()
	if errors.Join(err, broken) != nil || j.whole() || j.Function.Build.Command != "" || len(j.Function.Build.External)+len(frameworks) > 0 {
		return func() {}
	}
	handler := path.Clean(j.Function.Module())
	b := &bundle{job: j, real: here, handler: handler, format: j.likelyFormat(handler)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hopeful == nil {
		t.hopeful = map[*source.Job]*bundle{}
	}
	t.waiting, t.hopeful[of] = append(t.waiting, b), b
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.begin(of)
		delete(t.running, of)
		delete(t.hopeful, of)
	}
}

// bundle is one at its beginning.
func (t *Together) bundle(j *job, handler string) (bundle, error) {
	t.mu.Lock()
	known := t.hopeful[j.Job]
	t.mu.Unlock()
	if known != nil {
		return bundle{job: j, real: known.real, handler: handler, format: known.format}, nil
	}
	here, err := filepath.EvalSymlinks(j.Dir)
	if err != nil {
		return bundle{}, source.ReadProblem(j.Dir, "the source folder", err)
	}
	return bundle{job: j, real: here, handler: handler, format: j.likelyFormat(handler)}, nil
}

// begin is for who holds the lock.
func (t *Together) begin(of *source.Job) {
	t.waiting = slices.DeleteFunc(t.waiting, func(b *bundle) bool { return b.job.Job == of })
}

// build is api.Build for a bundle.
func (t *Together) build(ctx context.Context, b *bundle, options api.BuildOptions) api.BuildResult {
	if !b.plain() {
		return api.Build(options)
	}
	shared, others := t.join(b)
	if len(others) > 0 {
		shared.bundle(b, others, options)
	}
	if shared != nil {
		select {
		case <-shared.done:
		case <-ctx.Done():
			return api.BuildResult{}
		}
		if mine, ok := shared.each[b.handler]; ok {
			b.job.In.Since(shared.began)
			b.sources.known = mine.from
			return mine.result
		}
	}
	result := api.Build(options)
	if shared != nil && len(shared.each) == 0 { // nor will those like it be
		t.learn(b, bytesTogether)
	} else {
		t.learn(b, b.sources.size())
	}
	return result
}

// plain is whether a bundle is made as the first one of any function is.
func (b *bundle) plain() bool {
	return len(b.external)+len(b.absent)+len(b.runtime)+len(b.loose)+len(b.own.code)+len(b.own.calls)+len(b.job.Function.Build.External) == 0
}

// alike stands for all that decides about a bundle but its handler.
func (b *bundle) alike() string {
	return source.DigestOf(b.job.Root, b.job.Dir, b.format, b.job.engineVersion(), b.job.sourceMaps())
}

// join finds the run that a function has a part in, nil for none, with the others of a new one. How many these may be
// is known once a function of their kind was bundled alone.
func (t *Together) join(b *bundle) (shared *run, others []*bundle) {
	kind := b.alike()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(b.job.Job)
	if shared = t.running[b.job.Job]; shared != nil {
		delete(t.running, b.job.Job)
		return shared, nil
	}
	size := t.sizes[kind]
	if size == 0 {
		return nil, nil
	}
	shared = &run{began: time.Now(), done: make(chan struct{}), each: map[string]part{}}
	handlers := map[string]bool{b.handler: true}
	for _, other := range t.waiting {
		if len(handlers) < min(mostTogether, bytesTogether/(2*size)) && !handlers[other.handler] && other.alike() == kind {
			handlers[other.handler] = true
			others = append(others, other)
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	if t.running == nil {
		t.running = map[*source.Job]*run{}
	}
	for _, other := range others {
		t.begin(other.job.Job)
		t.running[other.job.Job] = shared
	}
	return shared, others
}

// learn notes how much a function was bundled from.
func (t *Together) learn(b *bundle, size int) {
	kind := b.alike()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sizes == nil {
		t.sizes = map[string]int{}
	}
	t.sizes[kind] = max(t.sizes[kind], size, 1)
}
