package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// invoke calls what is live, also what the gateway refuses.
func (s *server) invoke(ctx context.Context, q InvokeRequest) (InvokeResponse, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return InvokeResponse{}, err
	}
	return svc.call(ctx, q)
}

// call calls what is live of a function with a request or an event.
func (s *service) call(ctx context.Context, q InvokeRequest) (InvokeResponse, error) {
	return s.callOf(ctx, q, s.choose)
}

// callOf calls what is chosen of a function.
func (s *service) callOf(ctx context.Context, q InvokeRequest, choose func(function string) *pool) (InvokeResponse, error) {
	p := choose(q.Function)
	if p == nil {
		return InvokeResponse{}, failed(CodeNotFound, q.Function, "nothing is live as %s", q.Function)
	}
	event := q.Method == ""
	req, err := q.request(ctx, p.revision)
	if err != nil {
		return InvokeResponse{}, failed(CodeInvalid, q.Function, "calling %s: %w", q.Function, err)
	}
	c := &call{function: q.Function, target: q.Path, internal: true, event: event, choose: choose}
	begin := time.Now()
	w := &recorder{header: http.Header{}, most: answerSize}
	broken := w.record(func() { c.forward(w, req, p) })
	if errors.Is(c.failure, errBusy) || errors.Is(c.failure, errFull) {
		return InvokeResponse{}, failed(CodeBusy, q.Function, "all instances of %s are busy", q.Function)
	}
	if c.failure != nil {
		return InvokeResponse{}, c.failure
	}
	if w.cut && !event {
		return InvokeResponse{}, failed(CodeInvalid, q.Function, "%s answered with more than %d MB", q.Function, answerSize>>20)
	}
	if broken {
		return InvokeResponse{}, failed(CodeCrashed, q.Function, "%s broke off its answer", q.Function)
	}
	return InvokeResponse{
		Status: w.status, Header: w.header, Body: w.body.Bytes(), Cold: c.cold, Start: c.start, Took: time.Since(begin),
	}, nil
}

// request is the call as it goes to the instance.
func (q *InvokeRequest) request(ctx context.Context, r Revision) (*http.Request, error) {
	header := http.Header{}
	for name, values := range q.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if q.Method == "" {
		q.Method, q.Path = http.MethodPost, eventPath
		if r.Readiness == ReadyPort {
			q.Path = "/"
		}
		if header.Get(typeHeader) != batchType { // which has the attributes of its events within
			q.attribute(header)
		}
	}
	if q.Path == "" || q.Path[0] != '/' {
		q.Path = "/" + q.Path
	}
	req, err := http.NewRequestWithContext(ctx, q.Method, "http://localhost/", bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	req.Host = q.Function + ".localhost"
	if host := header.Get("Host"); host != "" {
		req.Host = host
		header.Del("Host")
	}
	req.Header = header
	return req, nil
}

// attribute completes the attributes of an event.
func (q *InvokeRequest) attribute(header http.Header) {
	for name, values := range header {
		if strings.HasPrefix(name, "Ce-") {
			header.Set(name, inHeader(values[0]))
		}
	}
	header.Set("Ce-Specversion", "1.0")
	if header.Get("Ce-Id") == "" {
		header.Set("Ce-Id", token(16))
		header.Set("Ce-Time", time.Now().UTC().Format(time.RFC3339Nano))
	}
	if header.Get("Ce-Type") == "" { // an event of no source
		header.Set("Ce-Source", "/ferry/"+q.String()+"/"+q.Function)
		header.Set("Ce-Type", "dev.ferry.invoke.v1")
		if header.Get(typeHeader) == "" {
			header.Set(typeHeader, "application/json")
		}
	}
}

// inHeader is the value of an event's attribute as CloudEvents has it in a header.
func inHeader(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// answerSize is how long an answer may be that does not go through the gateway, in bytes: it is kept whole.
const answerSize = 16 << 20

// recorder keeps an answer, or its beginning.
type recorder struct {
	most   int
	cut    bool // there was more
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if kept := min(len(p), w.most-w.body.Len()); kept < len(p) {
		w.cut = true
		w.body.Write(p[:kept])
		return len(p), nil
	}
	return w.body.Write(p)
}

// record reports whether the answer broke off.
func (w *recorder) record(serve func()) (broken bool) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			broken = true
		}
	}()
	serve()
	return false
}
