package providertest

import (
	"archive/zip"
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Program is a package that runs as a process that listens on $PORT, as an instance of a function does on most places.
type Program struct {
	Spec providers.Spec
	// Command starts it in the folder of the package, as in python3 -u and the artifact's entry.
	Command []string
	// Env is what the place adds to PORT and the function's own environment. Nothing is inherited.
	Env map[string]string
	// Ready reports whether it can take requests; nil waits until it accepts a connection.
	Ready func(ctx context.Context, url string) bool
}

// Start unpacks and starts a package at an address of this machine that nobody listens on, and waits until it is ready.
// It ends with the test, which fails with the program's output if it is never ready, so that it is not for a handler that
// should not start.
func Start(t testing.TB, p Program, address string) (url string) {
	t.Helper()
	dir := t.TempDir()
	unpack(t, p.Spec.Artifact.Path, dir)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var output said
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := exec.CommandContext(ctx, p.Command[0], p.Command[1:]...)
	c.Dir, c.Stdout, c.Stderr = dir, &output, &output
	c.Env = []string{"PORT=" + port}
	for _, more := range []map[string]string{p.Env, p.Spec.Function.Env} {
		for name, value := range more {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	if !p.becomesReady(t.Context(), "http://"+address, ended) {
		t.Fatalf("%s is not ready; it said:\n%s", strings.Join(p.Command, " "), output.String())
	}
	return "http://" + address
}

// becomesReady asks until the program is ready, has ended or has taken too long.
func (p Program) becomesReady(ctx context.Context, url string, ended <-chan struct{}) bool {
	ready := p.Ready
	if ready == nil {
		ready = accepts
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !ready(ctx, url) {
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}

func accepts(ctx context.Context, url string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	return err == nil && c.Close() == nil
}

// Probed is the Ready of a shim: it answers its probe, to who knows the instance's name, with 200.
func Probed(instance string) func(ctx context.Context, url string) bool {
	return func(ctx context.Context, url string) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/.ferry/probe", nil)
		if err != nil {
			return false
		}
		req.Header.Set("Ferry-Instance", instance)
		res, err := http.DefaultClient.Do(req)
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}
}

func unpack(t testing.TB, path, dir string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
}

// said is what a program wrote so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
