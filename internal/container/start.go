package container

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ferryfn/ferry/internal/child"
	"github.com/ferryfn/ferry/internal/loopback"
)

// ports are those that containers listen on.
var ports = loopback.Range{First: 4000, Count: 800}

// Start starts the container's program with these variables. It is to listen at the address, whose port no other server takes
// until it has ended.
func (k *Container) Start(ctx context.Context, variables map[string]string, out, errs io.Writer) (process *child.Process, address string, err error) {
	argv, err := k.Argv(ctx)
	if err != nil {
		return nil, "", err
	}
	home := filepath.Join(k.Root, "home")
	if err := errors.Join(os.MkdirAll(k.Dir(), 0o755), os.MkdirAll(home, 0o755)); err != nil {
		return nil, "", err
	}
	address, release, err := ports.Claim()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := net.SplitHostPort(address) // it was joined from both
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.WaitDelay, cmd.Stdout, cmd.Stderr = k.Dir(), time.Second, out, errs
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "PORT="+port)
	if process, err = child.Start(cmd); err != nil {
		release()
		return nil, "", err
	}
	go func() {
		<-process.Done()
		release()
	}()
	return process, address, nil
}

// Await looks until a container is ready, or its program has ended.
func Await(ctx context.Context, ended <-chan struct{}, ready func(context.Context) bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx) {
			return nil
		}
		select {
		case <-ended:
			return errors.New("the container has ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Listens reports whether somebody listens at an address.
func Listens(ctx context.Context, address string) bool {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	return err == nil && connection.Close() == nil
}

// Duplex lets a proxy answer before a request has come whole. Else the server takes the end of its body from the proxy.
func Duplex(proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})
}

// Proxy hands requests to a container as they come, with the headers that say where they come from.
func Proxy(address string) *httputil.ReverseProxy {
	to := &url.URL{Scheme: "http", Host: address}
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host, r.Out.URL.RawQuery = r.In.Host, r.In.URL.RawQuery
			r.SetXForwarded()
		},
	}
}
