package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// errTimeout ends a request that took longer than its function allows.
var errTimeout = errors.New("the function took too long")

// call is one request on its way to a function.
type call struct {
	function string
	target   string // path and query, as they go over the wire
	prefix   string // of the path, which the function does not see; "" is none
	internal bool   // it comes from the platform's owner, not through the gateway
	event    bool   // it is for the shim's event handler
	choose   func(function string) *pool

	cold    bool
	start   time.Duration // of the instance, where it was cold
	status  int           // of the answer
	failure error         // why no function answered; the answer says it too
}

// forward serves the request with the revision that was chosen for it. One that retires while the request
// waits is left for another; so is an instance that is gone before it got a byte.
func (c *call) forward(w http.ResponseWriter, r *http.Request, p *pool) {
	begin := time.Now()
	seen := p.stats
	defer func() {
		seen.request(timing{end: time.Now(), took: time.Since(begin), cold: c.cold, bad: c.status >= 500})
	}()
	const tries = 5
	for unreachable := 0; ; {
		if p == nil {
			c.failure = failed(CodeNotFound, c.function, "nothing is live as %s", c.function)
			answer404(w, c.failure.Error())
			return
		}
		in, cold, err := p.acquire(r.Context())
		if errors.Is(err, errRetired) {
			p = c.choose(c.function)
			continue
		}
		if err != nil {
			c.refuse(w, err)
			return
		}
		if cold {
			c.cold, c.start = true, in.took
		}
		if c.try(w, r, p, in) {
			return
		}
		if unreachable++; unreachable == tries {
			c.refuse(w, fmt.Errorf("%s does not accept connections", c.function))
			return
		}
	}
}

// try gives the request to one instance. It is false when nothing of it was sent or answered.
func (c *call) try(w http.ResponseWriter, r *http.Request, p *pool, in *instance) (done bool) {
	ctx := r.Context()
	if limit := p.revision.Timeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
	}
	way := &trip{lean: in.http}
	unfit := ""
	defer func() { // also when a broken answer makes the proxy panic
		if errors.Is(context.Cause(ctx), errTimeout) {
			unfit = fmt.Sprintf("takes no new requests: one took longer than %s", p.revision.Timeout)
		}
		p.release(in, unfit)
	}()
	done = true
	from := &body{Reader: r.Body}
	var proxy *httputil.ReverseProxy
	proxy = &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) { c.rewrite(pr, in) },
		ModifyResponse: func(res *http.Response) error {
			c.status = res.StatusCode
			if arrived(res) {
				proxy.FlushInterval = 0 // the server sends it in one piece, when it is told all
			}
			c.untyped(w, res)
			c.relocate(res, r.Host)
			return nil
		},
		Transport:     way,
		FlushInterval: -1,
		BufferPool:    &in.host.buffers,
		ErrorLog:      in.http.silent,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			var dial *net.OpError
			switch {
			case errors.Is(context.Cause(ctx), errTimeout):
				c.answer(w, http.StatusGatewayTimeout, fmt.Sprintf("%s took longer than %s", c.function, p.revision.Timeout))
			case from.broken.Load():
				w.Header().Set("Connection", "close") // nobody knows where the next request begins
				c.answer(w, http.StatusBadRequest, "the body of the request is malformed or ends early")
			case r.Context().Err() != nil:
				leave()
			case !way.connected && errors.As(err, &dial) && dial.Op == "dial":
				unfit, done = "takes no new requests: it does not accept connections", false
			case !way.connected:
				c.answer(w, http.StatusBadRequest, "the request cannot be passed on: "+err.Error())
			default:
				unfit = "takes no new requests: it broke off a request"
				c.answer(w, http.StatusBadGateway, in.brokeOff())
			}
		},
	}
	out := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = from
	}
	proxy.ServeHTTP(w, out)
	return done
}

// brokeOff says why a request got no answer. A connection ends a little before its process does, and much may be left to clean up
// before it is known how that ended.
func (in *instance) brokeOff() string {
	select {
	case <-in.exited:
	case <-time.After(fateKnown):
		if startTime(os.Getpid()) != "" && startTime(in.cmd.Process.Pid) == "" { // else this system does not tell
			<-in.exited
		}
	}
	switch {
	case in.crowd.Load() > 0:
		return in.function + " was killed, since it " + in.greed()
	case in.excess.Load() > 0:
		return in.function + " was killed, since it " + in.greed() + "; " + cure
	case in.dead():
		return in.function + " ended in the midst of the request: " + in.cmd.ProcessState.String() + "; its log may say why"
	}
	return in.function + " broke off the request; its log may say why"
}

// fateKnown is how long a request that broke off waits for its instance to end.
const fateKnown = time.Second

// leave ends a request whose client went away. Whoever reads on all the same meets the end of the connection, and not
// an answer that no function gave.
func leave() { panic(http.ErrAbortHandler) }

// untyped keeps the server from guessing the type of an answer that has none.
func (c *call) untyped(w http.ResponseWriter, res *http.Response) {
	const name = "Content-Type"
	if _, typed := res.Header[name]; !typed && !c.internal {
		w.Header()[name] = nil
	}
}

// relocate leads a redirect of a function that does not see its prefix to where it is reached by it.
func (c *call) relocate(res *http.Response, host string) {
	to := res.Header.Get("Location")
	if c.prefix == "" || to == "" {
		return
	}
	origin, rest := "", to
	for _, own := range []string{"http://" + host, "//" + host} {
		if n := len(own); len(to) >= n && strings.EqualFold(to[:n], own) && (len(to) == n || strings.ContainsRune("/?#", rune(to[n]))) {
			origin, rest = to[:n], to[n:]
			break
		}
	}
	switch {
	case origin == "" && (!strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "//")):
		return // it is relative, or leads elsewhere
	case !strings.HasPrefix(rest, "/"):
		rest = "/" + rest
	}
	res.Header.Set("Location", origin+c.prefix+rest)
}

// rewrite aims the request at the instance; all that the client sent stays as it was, byte for byte. (Only what no URL
// may hold is percent-encoded in a path that begins with two slashes.)
func (c *call) rewrite(pr *httputil.ProxyRequest, in *instance) {
	path, query, asked := strings.Cut(c.target, "?")
	u := &url.URL{Scheme: "http", Host: loopback(in.port), RawQuery: query, ForceQuery: asked && query == ""}
	if strings.HasPrefix(path, "//") { // Opaque would read it as a host
		u.Path, u.RawPath = path, path
		if plain, err := url.PathUnescape(path); err == nil {
			u.Path = plain
		}
	} else {
		u.Opaque = path
	}
	pr.Out.URL = u
	if at, known := pr.In.Context().Value(http.LocalAddrContextKey).(net.Addr); known && pr.Out.Host == "" {
		pr.Out.Host = at.String() // HTTP/1.0 need not name a host, and a URL that a function makes of nothing has no path
	}
	pr.Out.Header.Del(nonceHeader)
	if c.event {
		pr.Out.Header.Set(nonceHeader, in.nonce)
	}
	if !c.internal {
		pr.SetXForwarded()
	}
}

// refuse answers for a function that cannot be reached.
func (c *call) refuse(w http.ResponseWriter, err error) {
	c.failure = err
	switch {
	case errors.Is(err, errFull):
		w.Header().Set("Retry-After", "1")
		c.answer(w, http.StatusTooManyRequests, fmt.Sprintf("%d requests wait for %s already", mostWaiting, c.function))
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		c.answer(w, http.StatusServiceUnavailable, "all instances of "+c.function+" are busy")
	case errors.Is(err, context.Canceled):
		leave()
	default:
		c.answer(w, http.StatusBadGateway, wire(err).Message+"; see its log")
	}
}

// answer answers in the function's place.
func (c *call) answer(w http.ResponseWriter, status int, message string) {
	c.status = status
	answerError(w, status, message)
}

func answerError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, message+"\n")
}

func answer404(w http.ResponseWriter, message string) {
	answerError(w, http.StatusNotFound, message)
}

// body is the body of a client's request. It stays open for the next try; the server closes it.
type body struct {
	io.Reader
	broken atomic.Bool // it cannot be read to its end, which is no fault of the function's
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return nil }

// buffers are for copying bodies.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
