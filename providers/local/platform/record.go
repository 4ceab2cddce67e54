package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferryfn/ferry/internal/masking"
)

// RecordRequest asks for what the gateway answers from now on, for as long as the call lasts.
type RecordRequest struct {
	Scope
}

// Exchange is a request that the gateway answered, and its answer, without the values of the function's secrets.
type Exchange struct {
	Function string              `json:"function"`
	Method   string              `json:"method"`
	Path     string              `json:"path"` // with the query
	Header   map[string][]string `json:"header"`
	Body     []byte              `json:"body"`
	Answer   InvokeResponse      `json:"answer"`
	Cut      bool                `json:"cut"` // a body is longer than what is kept of it
}

// recordedMost is how much of a body is recorded, in bytes.
const recordedMost = 1 << 20

// hearers are those who are told what the gateway answers.
type hearers struct {
	count atomic.Int32 // a request that nobody hears of asks no more than this
	mu    sync.RWMutex
	all   map[*hearer]bool
}

type hearer struct {
	exchanges chan Exchange
	left      <-chan struct{}
}

func (l *hearers) any() bool { return l.count.Load() > 0 }

// join has somebody told until what it returns is called.
func (l *hearers) join(one *hearer) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*hearer]bool{}
	}
	l.all[one] = true
	l.count.Add(1)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, one)
		l.count.Add(-1)
	}
}

// tell waits until all have it: none is left out because a disk is slow.
func (l *hearers) tell(e Exchange) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for one := range l.all {
		select {
		case one.exchanges <- e:
		case <-one.left:
		}
	}
}

// record writes each exchange as a line of JSON until its caller leaves.
func (s *server) record(w http.ResponseWriter, r *http.Request) {
	var q RecordRequest
	err := s.admit(r)
	if err == nil {
		err = json.NewDecoder(r.Body).Decode(&q)
	}
	var svc *service
	if err == nil {
		svc, err = s.service(q.Scope)
	}
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	one := &hearer{exchanges: make(chan Exchange), left: ctx.Done()}
	defer svc.hearers.join(one)()
	defer cancel() // before it leaves, so that nobody waits for it
	lines, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	w.Header().Set("Content-Type", "application/x-ndjson")
	for err = flush(); err == nil; err = flush() {
		select {
		case e := <-one.exchanges:
			if lines.Encode(e) != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-s.ending:
			return
		}
	}
}

// Record hands over what the gateway answers, until ctx ends or the platform does.
func (c *Client) Record(ctx context.Context, q RecordRequest, each func(Exchange) error) error {
	e, err := c.running()
	if err != nil {
		return err
	}
	req, err := asking(ctx, e, "record", q)
	if err != nil {
		return err
	}
	res, err := c.answer(e, "record", req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	for lines := json.NewDecoder(res.Body); ; {
		var x Exchange
		switch err := lines.Decode(&x); {
		case err == io.EOF, ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reading what the platform answered: %w", err)
		}
		if err := each(x); err != nil {
			return err
		}
	}
}

// listenTo serves a request so that all hearers are told of it once it is answered.
func (s *service) listenTo(w http.ResponseWriter, r *http.Request, c *call, serve func(http.ResponseWriter, *http.Request)) {
	began := time.Now()
	sent := &beginning{}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &overheard{r.Body, sent}
	}
	header := r.Header.Clone() // the proxy changes it
	heard := &heard{ResponseWriter: w}
	defer func() {
		s.hearers.tell(s.concealed(Exchange{
			Function: c.function, Method: r.Method, Path: c.target, Header: header, Body: sent.kept.Bytes(), Cut: sent.cut || heard.body.cut,
			Answer: InvokeResponse{Status: heard.status, Header: heard.header, Body: heard.body.kept.Bytes(), Took: time.Since(began)},
		}))
	}()
	serve(heard, r)
}

// concealed is an exchange without the values of the function's secrets.
func (s *service) concealed(e Exchange) Exchange {
	hide := func(text string) string { return s.hide(e.Function, text) }
	e.Path, e.Header, e.Body = hide(e.Path), masking.Headers(e.Header, hide), []byte(hide(string(e.Body)))
	e.Answer.Header, e.Answer.Body = masking.Headers(e.Answer.Header, hide), []byte(hide(string(e.Answer.Body)))
	return e
}

// beginning keeps the first bytes of a body.
type beginning struct {
	mu   sync.Mutex // a body may be read on while its answer is done
	kept bytes.Buffer
	cut  bool
}

func (b *beginning) add(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), recordedMost-b.kept.Len())
	b.cut = b.cut || n < len(p)
	b.kept.Write(p[:n])
}

// overheard is a body of which the beginning is kept.
type overheard struct {
	io.ReadCloser
	kept *beginning
}

// Read implements io.Reader.
func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.kept.add(p[:n])
	return n, err
}

// heard is an answer of which the head and the beginning of the body are kept.
type heard struct {
	http.ResponseWriter
	status int
	header http.Header
	body   beginning
}

// Unwrap gives way to what else the writer can.
func (h *heard) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (h *heard) WriteHeader(status int) {
	if h.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		h.status, h.header = status, h.Header().Clone()
	}
	h.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (h *heard) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	h.body.add(p)
	return h.ResponseWriter.Write(p)
}
