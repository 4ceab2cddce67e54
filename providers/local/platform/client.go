package platform

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ferryfn/ferry/internal/filelock"
	"github.com/ferryfn/ferry/providers/until"
)

// Endpoint is where a running platform is reached.
type Endpoint struct {
	PID      int    `json:"pid"`
	Started  string `json:"started"` // tells the process from a later one of the same id
	Address  string `json:"address"`
	Token    string `json:"token"`
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
}

// endpoint reads where the platform is reached, and whether the process that wrote it lives.
func (h Home) endpoint() (e Endpoint, alive bool) {
	if readJSON(h.endpointFile(), &e) != nil || e.PID <= 0 {
		return e, false
	}
	return e, e.Started != "" && startTime(e.PID) == e.Started
}

// Running reports whether a platform runs for this home.
func (h Home) Running() bool {
	_, alive := h.endpoint()
	return alive
}

// Usable fails where no platform can run.
func Usable() error {
	if startTime(os.Getpid()) == "" {
		return failed(CodeBlind, "", "this system does not tell which processes run, so that no platform can be found again")
	}
	return nil
}

// Launch says how to start a platform: a program that calls Serve. It runs from a copy named ferry, since
// the original may go away (go run) or be replaced.
type Launch struct {
	Executable string
	Args       []string // without the program's name
	Env        []string // all of its environment: nothing of this process's is handed on
}

// Client talks to the platform of one home.
type Client struct {
	home   Home
	launch Launch
	http   *http.Client

	attention, silence time.Duration // as the constants
}

// NewClient makes a client; it touches nothing.
func NewClient(home Home, launch Launch) *Client {
	// One connection per call: calls are few, and a platform that stops need not wait for idle ones.
	return &Client{
		home: home, launch: launch, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, attention: attention, silence: silence,
	}
}

// Ensure starts the platform unless it runs. Of several that try at once, one starts it.
func (c *Client) Ensure(ctx context.Context) error {
	if e, alive := c.home.endpoint(); alive {
		return e.compatible()
	}
	if err := Usable(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.home.own(), 0o700); err != nil {
		return err
	}
	unlock, err := filelock.Lock(ctx, c.home.own("start.lock"))
	if err != nil {
		return fmt.Errorf("waiting for another start of the platform: %w", err)
	}
	defer unlock()
	if e, alive := c.home.endpoint(); alive {
		return e.compatible()
	}
	return c.start(ctx)
}

func (e Endpoint) compatible() error {
	if e.Protocol != Protocol {
		return protocolError(strconv.Itoa(Protocol), strconv.Itoa(e.Protocol))
	}
	return nil
}

// start runs the platform detached and waits until it says where it listens.
func (c *Client) start(ctx context.Context) error {
	program, err := c.install()
	if err != nil {
		return fmt.Errorf("copying the program for the platform: %w", err)
	}
	log, err := openPlatformLog(c.home.LogFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{
		Path: program, Args: append([]string{"ferry"}, c.launch.Args...), Dir: string(c.home),
		Env:    append([]string{}, c.launch.Env...), // nil would be all of this one's
		Stdout: log, Stderr: log,
	}
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the platform: %w", err)
	}
	alive, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() { end(errors.New(fmt.Sprint("it ended with ", cmd.Wait()))) }()
	err = until.True(alive, until.Rule{Within: 30 * time.Second, First: 2 * time.Millisecond}, func() (bool, error) {
		e, runs := c.home.endpoint()
		if runs {
			return true, e.compatible()
		}
		return false, nil
	})
	var late *until.Late
	switch {
	case errors.As(err, &late):
		killGroup(cmd.Process.Pid)
		return c.startError("the platform did not start within 30 s", begin)
	case ctx.Err() != nil && err != nil:
		killGroup(cmd.Process.Pid)
		return ctx.Err()
	case alive.Err() != nil && err != nil:
		return c.startError(fmt.Sprintf("the platform does not start: %v", context.Cause(alive)), begin)
	}
	return err
}

func (c *Client) startError(message string, begin int64) error {
	e := &Error{Code: CodeFailed, Message: message}
	if data, err := os.ReadFile(c.home.LogFile()); err == nil && int64(len(data)) > begin {
		e.Log = string(data[max(begin, int64(len(data))-4<<10):])
	}
	return e
}

// openPlatformLog opens the log for appending; one that has grown long begins anew.
func openPlatformLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 1<<20 {
		if err := os.Rename(path, older(path)); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// install copies the program to where the platform runs it from, and deletes older copies. The start lock is held.
func (c *Client) install() (string, error) {
	from, err := os.Open(c.launch.Executable)
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, from); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(sum.Sum(nil))[:16]
	program := c.home.own("bin", digest, "ferry")
	others, _ := os.ReadDir(c.home.own("bin"))
	for _, o := range others {
		if o.Name() != digest {
			_ = os.RemoveAll(c.home.own("bin", o.Name()))
		}
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return program, copyProgram(from, program)
}

func copyProgram(from io.Reader, program string) (err error) {
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		return err
	}
	to, err := os.OpenFile(program+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closing := to.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(program + ".new")
		return err
	}
	return os.Rename(program+".new", program)
}

// Stop ends the platform and waits until it and all that it ran are gone. It reports whether one ran.
func (c *Client) Stop(ctx context.Context) (bool, error) {
	e, alive := c.home.endpoint()
	if !alive {
		return false, nil
	}
	asked, cancel := context.WithTimeout(ctx, 5*time.Second)
	_, err := send[none](asked, c, e, "stop", none{})
	cancel()
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	if err != nil && c.home.Running() { // it hangs
		if p, err := os.FindProcess(e.PID); err == nil {
			_ = p.Kill()
		}
	}
	err = until.True(ctx, until.Rule{Within: 30 * time.Second, First: 5 * time.Millisecond}, func() (bool, error) { return c.gone(e) })
	var late *until.Late
	if errors.As(err, &late) {
		err = failed(CodeTimeout, "", "the platform (process %d) does not stop", e.PID)
	}
	return true, err
}

// gone reports whether the platform ended, with all that it ran: its process may have more to do, and another platform may have begun.
func (c *Client) gone(e Endpoint) (bool, error) {
	if now, alive := c.home.endpoint(); alive && now.Token != e.Token {
		return true, nil
	}
	lock, held, err := lockRun(c.home.own("run.lock"))
	if held || err != nil {
		return false, err
	}
	if now, _ := c.home.endpoint(); now.PID == e.PID { // it was killed
		_ = os.Remove(c.home.endpointFile())
	}
	return true, lock.Close()
}

// Info describes the running platform.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return ask[Info](ctx, c, "info", none{})
}

// Open makes sure that a service listens.
func (c *Client) Open(ctx context.Context, q OpenRequest) (Table, error) {
	return ask[Table](ctx, c, "open", q)
}

// Reach fails when a service does not answer at the address. What Open would take away is CodeNotRunning.
func (c *Client) Reach(ctx context.Context, q OpenRequest) error {
	_, err := ask[none](ctx, c, "reach", q)
	return err
}

// Switch makes all changes live at once, or none, and returns what is live after.
func (c *Client) Switch(ctx context.Context, q SwitchRequest) (Table, error) {
	return ask[Table](ctx, c, "switch", q)
}

// Split gives the new revisions a share of the requests, all of them or none, and returns what is live after.
func (c *Client) Split(ctx context.Context, q SplitRequest) (Table, error) {
	return ask[Table](ctx, c, "split", q)
}

// Fence has the platform refuse what an earlier lock of the ledger still lets through.
func (c *Client) Fence(ctx context.Context, q FenceRequest) error {
	_, err := ask[none](ctx, c, "fence", q)
	return err
}

// Bind makes a function's bindings those of the request.
func (c *Client) Bind(ctx context.Context, q BindRequest) error {
	_, err := ask[none](ctx, c, "bind", q)
	return err
}

// Renew replaces the running instances that got a secret's earlier value; the requests they serve finish.
// Requests that begin after it returned meet the value that was set before.
func (c *Client) Renew(ctx context.Context, q SecretRequest) error {
	_, err := ask[none](ctx, c, "renew", q)
	return err
}

// Warm has an instance of a revision started ahead of its probe. It does not wait for it.
func (c *Client) Warm(ctx context.Context, q FunctionRequest) error {
	_, err := ask[none](ctx, c, "warm", q)
	return err
}

// Probe starts an instance of a revision, waits until it answers and ends it.
func (c *Client) Probe(ctx context.Context, q FunctionRequest) error {
	_, err := ask[none](ctx, c, "probe", q)
	return err
}

// Invoke calls what is live.
func (c *Client) Invoke(ctx context.Context, q InvokeRequest) (InvokeResponse, error) {
	return ask[InvokeResponse](ctx, c, "invoke", q)
}

// Remove takes away all of a function: what is live, its revisions and its log.
func (c *Client) Remove(ctx context.Context, q FunctionRequest) error {
	_, err := ask[none](ctx, c, "remove", q)
	return err
}

// Prune deletes a stored revision. One that is live is a conflict, one that is gone no error.
func (c *Client) Prune(ctx context.Context, q FunctionRequest) error {
	_, err := ask[none](ctx, c, "prune", q)
	return err
}

// Queues describes what waits in a scope.
func (c *Client) Queues(ctx context.Context, s Scope) ([]QueueInfo, error) {
	return ask[[]QueueInfo](ctx, c, "queues", FenceRequest{Scope: s})
}

// Redrive has dead letters delivered again.
func (c *Client) Redrive(ctx context.Context, q RedriveRequest) (RedriveResponse, error) {
	return ask[RedriveResponse](ctx, c, "redrive", q)
}

// Send puts a message into a queue or a topic.
func (c *Client) Send(ctx context.Context, q SendRequest) (sent SendResponse, err error) {
	e, err := c.running()
	if err != nil {
		return sent, err
	}
	path := q.Kind + "s/" + url.PathEscape(q.Service) + "/" + url.PathEscape(q.Stage) + "/" + url.PathEscape(q.Name)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Address+"/"+path, bytes.NewReader(q.Body))
	if err != nil {
		return sent, err
	}
	for name, value := range map[string]string{typeHeader: q.ContentType, groupHeader: q.Group} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if len(q.Attributes) > 0 {
		attributes, err := json.Marshal(q.Attributes)
		if err != nil {
			return sent, err
		}
		req.Header.Set(attributesHeader, string(attributes))
	}
	return do[SendResponse](c, e, "send", req)
}
