// Package lambdatest runs a function's package as AWS Lambda does: a runtime API, the process that speaks it, and
// the environment, folders and log that such a process finds. It is for tests.
package lambdatest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxPayload is the limit of Lambda for an event and for a buffered response, in bytes.
const maxPayload = 6<<20 + 100

// initLimit is how long a process may load before its first invocation counts as begun.
const initLimit = 10 * time.Second

// Function is a deployed version of a function.
type Function struct {
	Dir     string            // the unpacked package; it is copied, so that the process finds it read-only
	Runtime string            // as Lambda names it: nodejs22.x, python3.13, provided.al2023
	Handler string            // "file.export" for Node and Python; provided runtimes get it in _HANDLER
	Env     map[string]string // the function's own variables; credentials and NODE_PATH may be given too
	Name    string            // "function" when empty
	Version string            // "$LATEST" when empty
	ARN     string            // made from name and version when empty
	Timeout time.Duration     // of one invocation; three seconds when 0
	// MemoryMB is what the process is told it has, 128 when 0. It is not enforced.
	MemoryMB int
	// Piece is called with every piece of a streamed response when it arrives; it may be nil.
	Piece func(piece []byte)
}

// Result is what an invocation gave.
type Result struct {
	Payload       []byte // the response, or the error's JSON; of a stream that broke off what came until then, if anything did
	FunctionError string // "Unhandled" for an error of the function or of its process, else empty
	Log           string // what the process wrote, between Lambda's own lines
	ContentType   string // as the runtime sent it
	Streamed      bool
}

// Environment is an execution environment: at most one process, which serves one invocation at a time and is
// frozen between them. A process that ended is started again by the next invocation.
type Environment struct {
	function Function
	command  []string
	root     string // holds the folders task, tmp and runtime

	mu   sync.Mutex // held by an invocation
	proc *process   // nil while none runs
}

// Start prepares an environment. The first invocation starts the process, as the first request after a deploy does.
func Start(ctx context.Context, f Function) (*Environment, error) {
	f.Name, f.Version = cmp.Or(f.Name, "function"), cmp.Or(f.Version, "$LATEST")
	f.Timeout, f.MemoryMB = cmp.Or(f.Timeout, 3*time.Second), cmp.Or(f.MemoryMB, 128)
	f.ARN = cmp.Or(f.ARN, fmt.Sprintf("arn:aws:lambda:%s:123456789012:function:%s:%s", f.region(), f.Name, f.Version))
	root, err := os.MkdirTemp("", "lambda")
	if err != nil {
		return nil, err
	}
	e := &Environment{function: f, root: root}
	if err := e.prepare(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (f Function) region() string { return cmp.Or(f.Env["AWS_REGION"], "us-east-1") }

func (e *Environment) prepare(ctx context.Context) error {
	for _, name := range []string{"tmp", "runtime"} {
		if err := os.Mkdir(filepath.Join(e.root, name), 0o700); err != nil {
			return err
		}
	}
	if err := copyReadOnly(e.function.Dir, filepath.Join(e.root, "task")); err != nil {
		return fmt.Errorf("copying the package: %w", err)
	}
	var err error
	e.command, err = e.start(ctx)
	return err
}

// start returns the command line of the process.
func (e *Environment) start(ctx context.Context) ([]string, error) {
	language, client := languageOf(e.function.Runtime)
	switch {
	case strings.HasPrefix(e.function.Runtime, "provided"):
		return []string{filepath.Join(e.root, "task", "bootstrap")}, nil
	case language == "":
		return nil, fmt.Errorf("runtime %q is not known here: use nodejs*, python* or provided*", e.function.Runtime)
	}
	program, err := Interpreter(ctx, e.function.Runtime)
	if err != nil {
		return nil, err
	}
	code, err := clients.ReadFile(client)
	if err != nil {
		return nil, err
	}
	if language == "python" {
		if program, err = Alone(filepath.Join(e.root, "runtime", "python"), program); err != nil {
			return nil, err
		}
		if err := carrySDK(ctx, filepath.Join(e.root, "runtime", "sdk")); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(e.root, "runtime", client)
	return []string{program, file}, os.WriteFile(file, code, 0o600)
}

// Invoke calls the function and waits until its process is ready for the next event. What goes wrong in the
// function is in the Result; the error is for an event that Lambda would refuse and for a context that ended, which
// ends the process too.
func (e *Environment) Invoke(ctx context.Context, payload []byte) (Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(payload) > maxPayload {
		return Result{}, fmt.Errorf("an event of %d bytes exceeds the limit of %d", len(payload), maxPayload)
	}
	if !json.Valid(payload) {
		return Result{}, errors.New("the event is no JSON")
	}
	i, err := newInvocation(e.function, payload)
	if err != nil {
		return Result{}, err
	}
	if e.proc == nil {
		if err := e.load(ctx, i); err != nil {
			return Result{}, err
		}
	} else {
		e.proc.child.Thaw()
	}
	i.begin()
	if e.proc != nil {
		if err := e.serve(ctx, i); err != nil {
			return Result{}, err
		}
	}
	i.report()
	return i.result, nil
}

// load starts the process and waits until it asks for its first event.
func (e *Environment) load(ctx context.Context, i *invocation) error {
	began := time.Now()
	p, err := e.spawn()
	if err != nil {
		return fmt.Errorf("starting %s: %w", e.command[0], err)
	}
	e.proc = p
	said, err := p.await(ctx, initLimit+e.function.Timeout)
	if err != nil {
		e.end()
		return err
	}
	i.initTook = time.Since(began)
	if said.kind != ready {
		i.fail(said)
		i.memory = p.memory()
		i.loading = e.end()
		return nil
	}
	i.loading = p.log.take()
	return nil
}

// serve hands the event over and waits for the response, and then for the process to be done.
func (e *Environment) serve(ctx context.Context, i *invocation) error {
	p := e.proc
	i.deadline = time.Now().Add(e.function.Timeout)
	p.hand(i)
	for done := false; !done; {
		said, err := p.await(ctx, time.Until(i.deadline))
		if err != nil {
			e.end()
			return err
		}
		switch said.kind {
		case responded:
			i.result.Payload, i.result.ContentType, i.result.Streamed = said.body, said.contentType, said.streamed
			if said.failed {
				i.result.FunctionError = unhandled
			}
			i.answered = true
		case ready:
			done = true
		default:
			i.interrupt(said)
			i.answered = true
			done = said.kind != erred
		}
		if done && said.kind != ready {
			i.memory = p.memory()
			i.log = e.end()
			return nil
		}
	}
	p.child.Freeze() // on Lambda nothing runs between invocations
	i.memory = p.memory()
	i.log = p.log.take()
	return nil
}

// end kills the process and returns what it had left to say.
func (e *Environment) end() string {
	p := e.proc
	e.proc = nil
	return p.end()
}

// Close ends the process and removes the environment's folders.
func (e *Environment) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.proc != nil {
		e.end()
	}
	return removeReadOnly(e.root)
}
