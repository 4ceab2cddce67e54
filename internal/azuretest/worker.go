package azuretest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/nodeworker"
	"github.com/ferryfn/ferry/internal/standin"
)

// pythonWorker is the stand-in for the worker of the host. It supplies what the library asks of a worker, and the real library, which
// lies in the package, does the rest.
//
//go:embed worker.py
var pythonWorker []byte

// startLimit is how long a worker may take until it listens.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-scale, "worker start".
const startLimit = 60 * time.Second

// functionInfo is a function as its worker, or its function.json, describes it.
type functionInfo struct {
	Name     string   `json:"name"`
	Language string   `json:"language"`
	Bindings []object `json:"bindings"`
}

// trigger is the binding of a type; nil when there is none.
func (f functionInfo) trigger(of string) object {
	for _, b := range f.Bindings {
		if strings.EqualFold(text(b, "type"), of) {
			return b
		}
	}
	return nil
}

// worker is a running package.
type worker struct {
	dir     string
	address string
	custom  bool
	host    hostJSON
	stream  string // where a worker that streams takes requests
	all     []functionInfo
	failed  error // why it cannot serve
	began   time.Time
	turn    int64     // which restart of its app it is of
	claim   io.Closer // keeps its port from others
	process *os.Process
	cancel  context.CancelFunc
	done    chan struct{}
	client  *http.Client
}

// launched is what a worker is started from.
type launched struct {
	code        []byte
	runtime     string
	environment []string
	log         func(line string)
	answering   Answering // in its place; nil is that it is started
}

// functions are those of the code that serves. The caller does not hold the cloud's lock.
func (s *site) functions() ([]functionInfo, error) {
	w := s.serving()
	if w == nil {
		return nil, nil
	}
	return w.all, w.failed
}

// serving is the worker of an app, started if none runs that is fit; nil when the app has no code.
func (s *site) serving() *worker {
	s.running.Lock()
	defer s.running.Unlock()
	turn := s.turn.Load()
	if s.worker != nil && s.worker.turn == turn && s.worker.fit() {
		return s.worker
	}
	s.retire()
	from := s.cloud.launched(s)
	if from.code == nil {
		return nil
	}
	s.worker = startWorker(from)
	s.worker.turn = turn
	return s.worker
}

// retire ends the worker that there is. The caller holds the lock of what runs.
func (s *site) retire() {
	if gone := s.worker; gone != nil {
		s.worker = nil
		s.cloud.background.Go(gone.close)
	}
}

// fit says whether a worker runs, or it is too early to start one that failed once more.
func (w *worker) fit() bool {
	select {
	case <-w.done:
		return w.failed != nil && time.Since(w.began) < restartPause
	default:
		return w.failed == nil || time.Since(w.began) < restartPause
	}
}

// restartPause is after what time a host that did not start is started again. The real one waits longer each time:
// Azure/azure-functions-host, src/WebJobs.Script.WebHost/WebJobsScriptHostService.cs, UnsynchronizedStartHostAsync.
const restartPause = 500 * time.Millisecond

// recycle has the next request find a new worker, with the settings and the code of then, and ends the one that there is.
func (s *site) recycle() {
	s.turn.Add(1)
	s.pause.Store(int64(s.cloud.setting(restarts)))
	s.cloud.background.Go(func() { // a worker that is starting wants the cloud's lock, which the caller has
		s.running.Lock()
		defer s.running.Unlock()
		if s.worker != nil && s.worker.turn != s.turn.Load() {
			s.retire()
		}
	})
}

func startWorker(from launched) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{began: time.Now(), host: readHost(from.code), cancel: cancel, done: make(chan struct{}), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableCompression: true},
	}}
	if err := w.start(ctx, from); err != nil {
		w.failed = err
		from.log("A host error has occurred during startup operation: " + err.Error())
	}
	return w
}

func (w *worker) start(ctx context.Context, from launched) error {
	dir, err := os.MkdirTemp("", "azuretest")
	if err != nil {
		close(w.done)
		return err
	}
	w.dir = dir
	if err := standin.Unzip(bytes.NewReader(from.code), int64(len(from.code)), dir); err != nil {
		close(w.done)
		return err
	}
	if from.answering != nil && w.host.CustomHandler != nil {
		return w.stand(ctx, from.answering(dir, from.environment))
	}
	port, claim, err := claimPort()
	if err != nil {
		close(w.done)
		return err
	}
	w.claim = claim
	w.address = "http://127.0.0.1:" + strconv.Itoa(port)
	cmd, err := w.command(ctx, from, port)
	if err != nil {
		close(w.done)
		return err
	}
	if err := w.run(cmd, from.log); err != nil {
		return err
	}
	return w.ready(ctx)
}

// stand has a handler of this process answer for a custom handler.
func (w *worker) stand(ctx context.Context, h http.Handler) (err error) {
	server := httptest.NewServer(h)
	w.custom, w.address = true, server.URL
	go func() {
		<-ctx.Done()
		server.CloseClientConnections()
		server.Close()
		close(w.done)
	}()
	w.all, err = functionFiles(w.dir)
	return err
}

// command is the program that serves a package: the one that host.json names, or the worker of the runtime.
func (w *worker) command(ctx context.Context, from launched, port int) (*exec.Cmd, error) {
	var cmd *exec.Cmd
	env := from.environment
	switch h := w.host.CustomHandler; {
	case h != nil:
		w.custom = true
		path := h.Description.Executable
		if local := filepath.Join(w.dir, filepath.FromSlash(path)); isFile(local) {
			path = local
		}
		cmd = exec.CommandContext(ctx, path, h.Description.Arguments...)
		env = append(env, "FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(port), "FUNCTIONS_HTTPWORKER_PORT="+strconv.Itoa(port))
	case from.runtime == "node":
		file := filepath.Join(w.dir, ".azuretest-worker.cjs")
		source, more := nodeworker.Program()
		if err := os.WriteFile(file, source, 0o600); err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, "node", append([]string{file, strconv.Itoa(port), w.dir}, more...)...)
	case from.runtime == "python":
		file := filepath.Join(w.dir, ".azuretest_worker.py")
		if err := os.WriteFile(file, pythonWorker, 0o600); err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, "python3", "-S", "-s", file, strconv.Itoa(port), w.dir)
	default:
		return nil, fmt.Errorf("azuretest runs node, python and custom handlers, not %s", from.runtime)
	}
	cmd.Dir = w.dir
	if h := w.host.CustomHandler; h != nil && h.Description.Directory != "" {
		cmd.Dir = filepath.Join(w.dir, filepath.FromSlash(h.Description.Directory))
	}
	cmd.Env = env
	return cmd, nil
}

// run starts the program and keeps what it prints, line by line.
func (w *worker) run(cmd *exec.Cmd, log func(string)) error {
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = in, in, time.Second
	group(cmd)
	if err := cmd.Start(); err != nil {
		close(w.done)
		return fmt.Errorf("failed to start the worker: %w", err)
	}
	w.process = cmd.Process
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			log(lines.Text())
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	go func() {
		_ = cmd.Wait() // that it was ended is no news
		_ = in.Close()
		close(w.done)
	}()
	return nil
}

// ready waits until the worker listens, and learns its functions.
func (w *worker) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := w.listens(ctx); err != nil {
		return err
	}
	if w.custom {
		var err error
		w.all, err = functionFiles(w.dir)
		return err
	}
	var said struct {
		Functions []functionInfo `json:"functions"`
		HTTPURI   string         `json:"httpUri"`
		Error     string         `json:"error"`
	}
	if err := w.ask(ctx, http.MethodGet, "/", nil, &said); err != nil {
		return err
	}
	if said.Error != "" {
		return errors.New(said.Error)
	}
	w.all, w.stream = said.Functions, strings.TrimSuffix(said.HTTPURI, "/")
	return nil
}

func (w *worker) listens(ctx context.Context) error {
	dialer := net.Dialer{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(w.address, "http://"))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-w.done:
			return errors.New("the worker process ended before it listened")
		case <-ctx.Done():
			return errors.New("the worker did not listen in time")
		case <-tick.C:
		}
	}
}

// ask sends JSON to a worker of ours and reads what it answers.
func (w *worker) ask(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, w.address+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("the worker process exited: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(res.Body).Decode(into)
}

func (w *worker) close() {
	if w.process != nil {
		select {
		case <-w.done: // its number may be another's by now
		default:
			kill(w.process)
		}
	}
	w.cancel()
	<-w.done
	if w.claim != nil {
		_ = w.claim.Close()
	}
	w.client.CloseIdleConnections()
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

// endWorkers ends what runs of all apps.
func (c *Cloud) endWorkers() {
	c.mu.Lock()
	var all []*site
	for _, r := range c.resources {
		if s, ok := r.state.(*site); ok {
			all = append(all, s)
		}
	}
	c.mu.Unlock() // one that is starting wants it
	var ending sync.WaitGroup
	for _, s := range all {
		ending.Go(func() {
			s.running.Lock()
			defer s.running.Unlock()
			if s.worker != nil {
				s.worker.close()
				s.worker = nil
			}
		})
	}
	ending.Wait()
}
