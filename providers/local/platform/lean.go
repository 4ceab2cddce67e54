package platform

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// lean is a transport to one instance. Requests that have no body, as most have, it sends and reads on a connection itself,
// without the goroutines and the channels that http.Transport has for each; others go through that.
type lean struct {
	entrance
	full   *http.Transport
	unsent map[string]bool // headers that a line writes by itself, or not
	silent *log.Logger     // of proxies

	mu     sync.Mutex
	idle   []*line // the one that was used last is the last
	closed bool
}

// line is a connection that waits for its next request, or serves one.
type line struct {
	net.Conn
	limit  io.LimitedReader // of what is read as the head of an answer
	read   *bufio.Reader
	write  *bufio.Writer
	parked time.Time
}

// Bounds of a line: how long it may wait for a request, shorter than any server keeps a connection, how many do, and how
// long the head of an answer may be.
const (
	parkedMost = time.Second
	linesMost  = 64
	headMost   = 10 << 20
)

func newLean(at entrance) *lean {
	return &lean{entrance: at, full: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return at.connect(ctx) },
		DisableCompression: true,
		MaxIdleConns:       linesMost, MaxIdleConnsPerHost: linesMost,
		IdleConnTimeout: parkedMost,
	}, unsent: map[string]bool{"Host": true, "Content-Length": true}, silent: log.New(io.Discard, "", 0)}
}

// simple reports whether a request is all in its head, and may be sent again where nothing came back.
func simple(r *http.Request) bool {
	return (r.Body == nil || r.Body == http.NoBody) && r.Header.Get("Upgrade") == "" && r.Header.Get("Te") == "" && r.Header.Get("Expect") == "" &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions)
}

// RoundTrip implements http.RoundTripper.
func (t *lean) RoundTrip(r *http.Request) (*http.Response, error) {
	return (&trip{lean: t}).RoundTrip(r)
}

// trip is the way of one request.
type trip struct {
	*lean
	connected bool // the instance may have got something of it
}

// RoundTrip implements http.RoundTripper.
func (t *trip) RoundTrip(r *http.Request) (*http.Response, error) {
	if !simple(r) {
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { t.connected = true }}
		return t.full.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	}
	for {
		l, used, err := t.take(r.Context())
		if err != nil {
			return nil, err
		}
		t.connected = true
		stop := context.AfterFunc(r.Context(), func() { _ = l.SetDeadline(time.Unix(1, 0)) })
		res, begun, err := l.exchange(r, t.unsent)
		if err == nil {
			res.Body = &lined{from: res.Body, line: l, transport: t.lean, stop: stop, keep: !res.Close}
			return res, nil
		}
		stop()
		_ = l.Close()
		switch {
		case r.Context().Err() != nil:
			return nil, context.Cause(r.Context())
		case !used || begun:
			return nil, err
		}
		// The instance had closed the connection: another one.
	}
}

// take is a line that waits, or a new one.
func (t *lean) take(ctx context.Context) (l *line, used bool, err error) {
	t.mu.Lock()
	for len(t.idle) > 0 {
		l = t.idle[len(t.idle)-1]
		t.idle = t.idle[:len(t.idle)-1]
		if time.Since(l.parked) < parkedMost {
			t.mu.Unlock()
			return l, true, nil
		}
		_ = l.Close()
	}
	t.mu.Unlock()
	c, err := t.connect(ctx)
	if err != nil {
		return nil, false, err
	}
	l = &line{Conn: c, limit: io.LimitedReader{R: c}}
	l.read, l.write = bufio.NewReader(&l.limit), bufio.NewWriter(c)
	return l, false, nil
}

// park keeps a line for the next request.
func (t *lean) park(l *line) {
	l.parked = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.idle) == linesMost {
		_ = l.Close()
		return
	}
	t.idle = append(t.idle, l)
}

// close closes all that waits.
func (t *lean) close() {
	t.full.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, l := range t.idle {
		_ = l.Close()
	}
	t.idle = nil
}

// exchange sends a request and reads the head of its answer. It says whether anything of that had come.
func (l *line) exchange(r *http.Request, unsent map[string]bool) (res *http.Response, begun bool, err error) {
	target := r.URL.Opaque
	if target == "" {
		target = r.URL.EscapedPath()
	}
	if query := r.URL.RawQuery; query != "" || r.URL.ForceQuery {
		target += "?" + query
	}
	for _, part := range []string{r.Method, " ", target, " HTTP/1.1\r\nHost: ", r.Host, "\r\n"} {
		_, _ = l.write.WriteString(part)
	}
	if err := r.Header.WriteSubset(l.write, unsent); err != nil {
		return nil, false, err
	}
	_, _ = l.write.WriteString("\r\n")
	if err := l.write.Flush(); err != nil {
		return nil, false, err
	}
	for {
		l.limit.N = headMost
		_, err = l.read.Peek(1)
		if begun = begun || err == nil; err == nil {
			res, err = http.ReadResponse(l.read, r)
		}
		if err != nil {
			return nil, begun, err
		}
		l.limit.N = math.MaxInt64
		switch {
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, true, errors.New("it switched protocols unasked")
		case res.StatusCode >= http.StatusOK:
			return res, true, nil
		}
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, map[string][]string(res.Header)); err != nil {
				return nil, true, err
			}
		}
	}
}

// lined is the body of an answer. Once it was read whole its line takes the next request.
type lined struct {
	from      io.ReadCloser
	line      *line
	transport *lean
	stop      func() bool // what ends the line with the request's context
	keep      bool
	done      bool
}

// arrived reports whether all of an answer is here, so that nobody waits for a part of it.
func arrived(res *http.Response) bool {
	a, ok := res.Body.(*lined)
	return ok && res.ContentLength >= 0 && int64(a.line.read.Buffered()) >= res.ContentLength
}

// Read implements io.Reader.
func (a *lined) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	switch {
	case err == io.EOF:
		a.finish()
	case err != nil:
		_ = a.Close()
	}
	return n, err
}

// Close implements io.Closer. What was not read whole takes its line with it.
func (a *lined) Close() error {
	if a.done {
		return nil
	}
	a.done = true
	a.stop()
	return a.line.Close()
}

// finish keeps the line, unless the deadline of a context that has ended may come at any time, or there is more to read.
func (a *lined) finish() {
	if a.done {
		return
	}
	if unended := a.stop(); !unended || !a.keep || a.line.read.Buffered() > 0 {
		_ = a.Close()
		return
	}
	a.done = true
	a.transport.park(a.line)
}
