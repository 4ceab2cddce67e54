package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// kind is what a process did.
type kind int

const (
	ready      kind = iota // it asks for an event: it has loaded, or is done with the one before
	responded              // it answered
	erred                  // it reported an error of the handler
	initFailed             // it reported that it cannot load
	exited                 // it ended
	expired                // it did nothing in the time it had
)

// message is something that a process did, with what belongs to it.
type message struct {
	kind        kind
	body        []byte
	contentType string
	streamed    bool
	failed      bool   // the stream broke off
	errorType   string // of an error it reported
	exit        string // how it ended
}

const prefix = "/2018-06-01/runtime/"

// api is the runtime API for one process.
func (p *process) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"invocation/next", p.next)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", p.response)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", p.failure(erred))
	mux.HandleFunc("POST "+prefix+"init/error", p.failure(initFailed))
	return mux
}

// next holds the process until there is an event.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.say(message{kind: ready})
	select {
	case i := <-p.events:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.function.ARN)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-"+i.id[:8]+"-"+strings.ReplaceAll(i.id[9:], "-", "")[:24]+";Sampled=0")
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(i.payload)
	case <-p.done:
	case <-r.Context().Done():
	}
}

func (p *process) response(w http.ResponseWriter, r *http.Request) {
	if !p.current(r.PathValue("id")) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	m := message{kind: responded, contentType: r.Header.Get("Content-Type")}
	m.streamed = r.Header.Get("Lambda-Runtime-Function-Response-Mode") == "streaming"
	var err error
	if m.streamed {
		m.body, err = p.stream(r.Body)
	} else {
		m.body, err = whole(r.Body)
	}
	switch {
	case errors.Is(err, errTooLarge):
		text := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload)
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", text)
		m = message{kind: erred, errorType: "Function.ResponseSizeTooLarge"}
		m.body = problem("Function.ResponseSizeTooLarge", text)
	case err != nil || r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		m.failed = true
		w.WriteHeader(http.StatusAccepted)
		if told, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err == nil && len(m.body) == 0 {
			m.body = told
		}
	default:
		w.WriteHeader(http.StatusAccepted)
	}
	p.say(m)
}

var errTooLarge = errors.New("too large")

// whole reads a buffered response.
func whole(r io.Reader) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, maxPayload+1))
	if err == nil && len(all) > maxPayload {
		_, _ = io.Copy(io.Discard, r)
		return nil, errTooLarge
	}
	return all, err
}

// stream reads a response that may be as long as it likes.
func (p *process) stream(r io.Reader) ([]byte, error) {
	var all []byte
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		all = append(all, piece[:n]...)
		if n > 0 && p.piece != nil {
			p.piece(piece[:n])
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func (p *process) failure(k kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if k == erred && !p.current(r.PathValue("id")) {
			refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.WriteHeader(http.StatusAccepted)
		p.say(message{kind: k, body: body, errorType: r.Header.Get("Lambda-Runtime-Function-Error-Type")})
	}
}

func refuse(w http.ResponseWriter, status int, errorType, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(problem(errorType, text))
}

func problem(errorType, text string) []byte {
	data, err := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": text})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return data
}
