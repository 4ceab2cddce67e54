package platform

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ferryfn/ferry/internal/cgroup"
)

// host is what instances need from the process they live in.
type host struct {
	home    Home
	options Options
	ports   *portPool
	epochs  *epochs
	buffers buffers
	serving sync.Map      // *instance, all that live
	groups  *cgroup.Place // of instances; nil where the system lets nobody make any
}

// instance is one process of a revision.
type instance struct {
	host     *host
	id       string // for people
	nonce    string // proves that a request comes from the platform
	function string
	revision Revision
	port     int
	journal  *journal
	cmd      *exec.Cmd
	recent   *recent
	exited   chan struct{} // closed once the process is gone and its output is read
	took     time.Duration // from its start until it was ready
	output   budget        // of what it writes into the log
	ending   atomic.Bool   // it was asked to end
	excess   atomic.Int64  // bytes of memory that it was killed for; 0 is not
	crowd    atomic.Int64  // processes that it was killed for; 0 is not
	http     *lean
	group    *cgroup.Group // nil where it has none: its memory is then looked at now and again

	// Of the pool, under its lock.
	inflight int
	closing  bool // takes no new requests
	idle     *time.Timer
}

// launch starts a process of a revision and waits until it can take requests.
func (h *host) launch(ctx context.Context, s Scope, function string, r Revision, j *journal) (*instance, error) {
	begin := time.Now()
	for attempt := 1; ; attempt++ {
		in, err := h.spawn(s, function, r, j)
		if err != nil {
			return nil, err
		}
		if err = in.ready(ctx); err == nil {
			in.took = time.Since(begin)
			in.say("started in %d ms", in.took.Milliseconds())
			return in, nil
		}
		in.end(0)
		<-in.exited
		if attempt < 3 && strings.Contains(strings.ToLower(in.recent.String()), "address already in use") {
			continue // another program took the port between choosing and using it
		}
		return nil, err
	}
}

// spawn starts the process.
func (h *host) spawn(s Scope, function string, r Revision, j *journal) (_ *instance, err error) {
	stored, err := h.home.Revision(s, function, r.ID)
	if err != nil {
		return nil, err
	}
	r.Command = stored.Command // an interpreter may have moved since the revision became live
	in := &instance{
		host: h, id: token(3), nonce: token(16), function: function, revision: r, journal: j,
		recent: &recent{}, exited: make(chan struct{}),
	}
	if in.port, err = h.ports.take(); err != nil {
		return nil, err
	}
	at := entrance{address: loopback(in.port)}
	if r.Readiness != ReadyPort { // else it is a program that knows of ports alone
		at.socket = h.home.socket(in.id)
	}
	in.http = newLean(at)
	temp := h.home.own("tmp", in.id)
	defer func() {
		if err != nil {
			h.ports.give(in.port)
			_ = os.RemoveAll(temp)
		}
	}()
	if err := errors.Join(os.MkdirAll(temp, 0o700), os.MkdirAll(h.home.own("sockets"), 0o700)); err != nil {
		return nil, err
	}
	env, err := in.environment(s, temp)
	if err != nil {
		return nil, err
	}
	dir := h.home.revision(s, function, r.ID, "package")
	program := r.Command[0]
	if !filepath.IsAbs(program) {
		program = filepath.Join(dir, filepath.FromSlash(program))
	}
	in.cmd = &exec.Cmd{Path: program, Args: r.Command, Dir: dir, Env: env}
	if err := in.start(temp); err != nil {
		return nil, failed(CodeCrashed, function, "starting %s: %w", program, err)
	}
	return in, nil
}

// start runs the command with its output going to the log, and watches for its end.
func (in *instance) start(temp string) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _ = outR.Close(), outW.Close()
		return err
	}
	in.cmd.Stdout, in.cmd.Stderr = outW, errW
	err = in.begin()
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return err
	}
	in.host.serving.Store(in, nil)
	record := in.host.home.remember(in.cmd.Process.Pid, in.nonce)
	var output sync.WaitGroup
	output.Go(func() { eachLine(outR, &in.journal.secrets, func(l string) { in.log(streamStdout, l) }) })
	output.Go(func() { eachLine(errR, &in.journal.secrets, func(l string) { in.log(streamStderr, l) }) })
	go func() {
		_ = in.cmd.Wait()
		killGroup(in.cmd.Process.Pid) // what it started ends with it, before its output is waited for
		killStrays(in.nonce)
		late := time.AfterFunc(time.Second, func() { _, _ = outR.Close(), errR.Close() })
		output.Wait()
		late.Stop()
		_, _ = outR.Close(), errR.Close()
		in.http.close()
		in.http.remove()
		in.leave()
		if state := in.cmd.ProcessState; !in.killed() && (!in.ending.Load() || state.Exited() && !state.Success()) {
			in.say("ended by itself: %s", in.fate())
		}
		_ = os.RemoveAll(temp)
		_ = os.Remove(record)
		in.host.ports.give(in.port)
		in.host.serving.Delete(in)
		close(in.exited)
	}()
	return nil
}

// environment is all that the process gets to see: nothing of the platform's own environment.
func (in *instance) environment(s Scope, temp string) ([]string, error) {
	r := in.revision
	env := map[string]string{
		"PATH":             searchPath(r.Command[0]),
		"HOME":             temp,
		"TMPDIR":           temp,
		"LANG":             "C.UTF-8",
		"PORT":             strconv.Itoa(in.port),
		"FERRY_DIGEST":     r.Digest,
		"FERRY_INSTANCE":   in.nonce,
		"FERRY_SERVICE":    s.Service,
		"FERRY_STAGE":      s.Stage,
		"FERRY_FUNCTION":   in.function,
		"FERRY_REVISION":   r.ID,
		"FERRY_BUCKETS":    in.host.home.buckets(s),
		"FERRY_TIMEOUT_MS": strconv.FormatInt(r.Timeout.Milliseconds(), 10),
		"FERRY_START_MS":   strconv.FormatInt(in.host.options.StartTimeout.Milliseconds(), 10),
	}
	for name, folder := range r.Caches {
		path := in.host.home.revision(s, in.function, r.ID, "cache", folder)
		// Only in a revision that is there: it may be removed at the same time.
		if err := errors.Join(mkdir(filepath.Dir(path)), mkdir(path)); err != nil {
			return nil, err
		}
		env[name] = path
	}
	if in.http.socket != "" {
		env["FERRY_SOCKET"] = in.http.socket
	}
	for name, value := range r.Env {
		env[name] = value
	}
	for name, secret := range r.Secrets {
		value, err := in.host.home.secret(s, in.function, secret)
		if err != nil {
			return nil, err
		}
		in.journal.secrets.Add(value) // before the instance can write it
		env[name] = value
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list, nil
}

// mkdir makes a folder unless it is there.
func mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func searchPath(program string) string {
	const system = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
	if !filepath.IsAbs(program) {
		return system
	}
	return filepath.Dir(program) + string(os.PathListSeparator) + system
}

// end asks the process group to end and kills it after the grace. It does not wait.
func (in *instance) end(grace time.Duration) {
	if in.ending.Swap(true) || in.dead() {
		return
	}
	if grace <= 0 {
		killGroup(in.cmd.Process.Pid)
		return
	}
	endGroup(in.cmd.Process.Pid)
	go func() {
		patience := time.NewTimer(grace)
		defer patience.Stop()
		select {
		case <-in.exited:
		case <-patience.C:
			killGroup(in.cmd.Process.Pid)
		}
	}()
}

// kill ends the process at once and logs why.
func (in *instance) kill(format string, args ...any) {
	if !in.ending.Swap(true) {
		in.say(format, args...)
	}
	if !in.dead() {
		killGroup(in.cmd.Process.Pid)
	}
}

// fate is how the process ended.
func (in *instance) fate() string {
	how := in.cmd.ProcessState.String()
	if status, ok := in.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		how += ", as the system does where memory runs out"
	}
	if in.recent.String() == "" {
		how += ", without a word"
	}
	return how
}

// killed reports whether the instance took more than it may, and was killed for it.
func (in *instance) killed() bool { return in.excess.Load() > 0 || in.crowd.Load() > 0 }

// cure is what to do about an instance that was killed for its memory.
const cure = "raise `memory` in the manifest, or have it use less"

// greed says what the process was killed for.
func (in *instance) greed() string {
	if n := in.crowd.Load(); n > 0 {
		return fmt.Sprintf("started %d processes, more than the %d that one instance may have", n, mostProcesses)
	}
	return fmt.Sprintf("used %d MB of %d MB memory", in.excess.Load()>>20, in.revision.Memory>>20)
}

// dead reports whether the process is gone.
func (in *instance) dead() bool {
	select {
	case <-in.exited:
		return true
	default:
		return false
	}
}

func (in *instance) log(stream, text string) {
	if stream != streamPlatform {
		in.recent.add(text)
		room, first := in.output.take(len(text), time.Now())
		if first {
			in.say("writes more than %d MB in a second: what is beyond that is left out of the log", outputRate>>20)
		}
		if !room {
			return
		}
	}
	in.journal.write(Line{Time: time.Now().UTC(), Revision: in.revision.ID, Instance: in.id, Stream: stream, Text: text})
}

// say writes a line of the platform itself into the function's log.
func (in *instance) say(format string, args ...any) {
	in.log(streamPlatform, fmt.Sprintf(format, args...))
}

// token is a random name of so many bytes.
func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
