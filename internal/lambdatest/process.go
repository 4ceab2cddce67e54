package lambdatest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ferryfn/ferry/internal/child"
)

// process is the function's process with the runtime API that it alone uses.
type process struct {
	cmd    *exec.Cmd
	server *http.Server
	log    *record
	piece  func([]byte)
	events chan *invocation
	said   chan message
	child  *child.Process
	done   <-chan struct{} // closed when the process has ended

	mu      sync.Mutex
	serving string // id of the invocation, "" when none runs
}

// spawn starts a process of the environment.
func (e *Environment) spawn() (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	log, err := newRecord()
	if err != nil {
		return nil, err
	}
	p := &process{
		cmd: exec.Command(e.command[0], e.command[1:]...), log: log, piece: e.function.Piece,
		events: make(chan *invocation), said: make(chan message),
	}
	p.cmd.Dir = filepath.Join(e.root, "task")
	p.cmd.Env = e.environ(listener.Addr().String())
	p.cmd.Stdout, p.cmd.Stderr = log.w, log.w
	if p.child, err = child.Start(p.cmd); err != nil {
		_ = listener.Close()
		log.close()
		return nil, err
	}
	p.done = p.child.Done()
	p.server = &http.Server{Handler: p.api()}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// environ is what a process on Lambda finds, and nothing of this one's.
func (e *Environment) environ(api string) []string {
	f, region := e.function, e.function.region()
	all := map[string]string{
		"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "example",
		"LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin:/bin",
	}
	for name, value := range f.Env {
		all[name] = value
	}
	for name, value := range map[string]string{
		"_HANDLER":                        f.Handler,
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "2026/01/01/[" + f.Version + "]0123456789abcdef",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_" + f.Runtime,
		"AWS_REGION":                      region,
		"AWS_DEFAULT_REGION":              region,
		"LAMBDA_TASK_ROOT":                filepath.Join(e.root, "task"),
		"LAMBDA_RUNTIME_DIR":              filepath.Join(e.root, "runtime"),
		"TMPDIR":                          filepath.Join(e.root, "tmp"),
	} {
		all[name] = value
	}
	out := make([]string, 0, len(all))
	for name, value := range all {
		out = append(out, name+"="+value)
	}
	return out
}

// say tells the invocation what the process did.
func (p *process) say(m message) {
	select {
	case p.said <- m:
	case <-p.done:
	}
}

// await returns what the process does next. Its end counts as something it does.
func (p *process) await(ctx context.Context, limit time.Duration) (message, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case m := <-p.said:
		return m, nil
	case <-p.done:
		return message{kind: exited, exit: p.exit()}, nil
	case <-timer.C:
		return message{kind: expired}, nil
	case <-ctx.Done():
		return message{}, ctx.Err()
	}
}

// exit says how the process ended, in Lambda's words.
func (p *process) exit() string {
	if state := p.cmd.ProcessState; state != nil && !state.Success() {
		return fmt.Sprintf("Runtime exited with error: %v", state)
	}
	return "Runtime exited without providing a reason"
}

// hand gives the event to the process, which has asked for one.
func (p *process) hand(i *invocation) {
	p.mu.Lock()
	p.serving = i.id
	p.mu.Unlock()
	select {
	case p.events <- i:
	case <-p.done:
	}
}

func (p *process) current(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return id == p.serving
}

// end kills the process with all that it started, and returns what it wrote since the last take.
func (p *process) end() string {
	p.child.Kill()
	<-p.done
	_ = p.server.Close()
	said := p.log.take()
	p.log.close()
	return said
}

// memory is the most that the process has used, in MB; 0 where the system does not say.
func (p *process) memory() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, peak, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(peak)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.Atoi(string(fields[0]))
	if err != nil {
		return 0
	}
	return (kilobytes + 1023) / 1024
}

// record is what a process writes.
type record struct {
	r, w *os.File // w is this side's copy of what the process writes to

	mu    sync.Mutex
	grown *sync.Cond
	text  bytes.Buffer
	marks int
	over  bool
}

func newRecord() (*record, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &record{r: r, w: w}
	l.grown = sync.NewCond(&l.mu)
	go l.read()
	return l, nil
}

func (l *record) read() {
	piece := make([]byte, 64<<10)
	for {
		n, err := l.r.Read(piece)
		l.mu.Lock()
		l.text.Write(piece[:n])
		l.over = err != nil
		l.grown.Broadcast()
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take returns all that was written since the last take. A mark that goes through the same pipe shows that
// everything before it has arrived.
func (l *record) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks++
	mark := fmt.Appendf(nil, "\x00mark %d\x00", l.marks)
	l.mu.Unlock()
	_, err := l.w.Write(mark)
	l.mu.Lock()
	for err == nil && !l.over && !bytes.Contains(l.text.Bytes(), mark) {
		l.grown.Wait()
	}
	before, after, _ := bytes.Cut(l.text.Bytes(), mark)
	said := string(before)
	rest := bytes.Clone(after)
	l.text.Reset()
	l.text.Write(rest)
	return said
}

func (l *record) close() {
	_ = l.w.Close()
	_ = l.r.Close()
}
