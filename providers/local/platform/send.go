package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/delivery"
)

// MessageSize is how long a message may be, in bytes.
const MessageSize = 1 << 20

// SendRequest is a message for a queue or a topic.
type SendRequest struct {
	Scope
	Kind        string // KindQueue or KindTopic
	Name        string
	ContentType string            // "" is text
	Group       string            // of a queue in order: messages of one are delivered one after the other
	Attributes  map[string]string // beside the message
	Body        []byte
}

// SendResponse says what became of a message.
type SendResponse struct {
	ID        string   `json:"id"`
	Functions []string `json:"functions"` // that are bound to where it went, sorted
}

// QueueInfo describes what waits somewhere.
type QueueInfo struct {
	Kind     string       `json:"kind"`
	Name     string       `json:"name"`               // of the queue, topic, bucket, or function of a schedule
	Function string       `json:"function,omitempty"` // whom it waits for, where that is one
	Depth    int          `json:"depth"`
	Oldest   time.Time    `json:"oldest,omitzero"`
	Dead     []DeadLetter `json:"dead"` // oldest first
}

// DeadLetter is a message that was tried as often as it may be.
type DeadLetter struct {
	ID       string    `json:"id"`
	Sent     time.Time `json:"sent"`
	Died     time.Time `json:"died"`
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason"`
	Body     []byte    `json:"body"`
}

// RedriveRequest names a queue, topic, bucket or schedule.
type RedriveRequest struct {
	Scope
	Name string `json:"name"`
}

// RedriveResponse says how many messages are delivered again.
type RedriveResponse struct {
	Messages int `json:"messages"`
}

// inOrder reports whether a queue keeps its messages in order, which its name says.
func inOrder(name string) bool { return strings.HasSuffix(name, ".fifo") }

// send takes a message: it is on the disk when it returns.
func (e *events) send(q SendRequest) (SendResponse, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	sent := SendResponse{ID: token(16), Functions: []string{}}
	table := e.current()
	for _, function := range slices.Sorted(maps.Keys(table)) {
		if table[function].bound(q.Kind, q.Name) {
			sent.Functions = append(sent.Functions, function)
		}
	}
	known := len(sent.Functions) > 0 || q.Kind == KindQueue && e.engine != nil && e.engine.Has(queueName(KindQueue, q.Name))
	switch {
	case !known:
		return sent, failed(CodeNotFound, "", "no function of %s is bound to the %s %s%s", e.service.scope, q.Kind, quote(q.Name), e.others(q.Kind))
	case len(q.Body) > MessageSize:
		return sent, failed(CodeInvalid, "", "the message has %d bytes; at most %d are taken", len(q.Body), MessageSize)
	}
	m := delivery.Message{ID: sent.ID, Sent: time.Now().UTC(), Body: q.Body, Group: q.Group, Header: q.header()}
	if inOrder(q.Name) {
		m.Group = cmp.Or(q.Group, "default")
	}
	var all []delivery.Envelope
	if q.Kind == KindQueue {
		all = []delivery.Envelope{{Queue: queueName(q.Kind, q.Name), Message: m}}
	} else {
		for _, function := range sent.Functions {
			all = append(all, delivery.Envelope{Queue: queueName(q.Kind, q.Name, function), Message: m})
		}
	}
	if err := e.engine.Put(all, nil); err != nil {
		return sent, fmt.Errorf("keeping the message: %w", err)
	}
	return sent, nil
}

func (q SendRequest) header() map[string]string {
	h := map[string]string{
		"Ce-Type": "dev.ferry." + q.Kind + ".message.v1", "Ce-Source": "/" + q.Kind + "s/" + q.Name,
		typeHeader: cmp.Or(q.ContentType, "text/plain; charset=utf-8"),
	}
	if len(q.Attributes) > 0 {
		if data, err := json.Marshal(q.Attributes); err == nil {
			h[attributesHeader] = string(data)
		}
	}
	return h
}

// others names what a message of a kind could go to.
func (e *events) others(kind string) string {
	var names []string
	for _, entry := range e.current() {
		for _, b := range entry.Events {
			if b.Kind == kind {
				names = append(names, b.Name)
			}
		}
	}
	if slices.Sort(names); len(names) == 0 {
		return ""
	}
	return "; there is " + strings.Join(slices.Compact(names), ", ")
}

// queues describes all that waits.
func (e *events) queues() ([]QueueInfo, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := []QueueInfo{}
	if e.engine == nil {
		return all, nil
	}
	list, err := e.engine.Queues()
	for _, i := range list {
		q := QueueInfo{Depth: i.Depth, Oldest: i.Oldest, Dead: []DeadLetter{}}
		var parts []string
		q.Kind, parts = parseQueue(i.Queue)
		q.Name, q.Function = parts[0], parts[len(parts)-1]
		switch q.Kind {
		case KindSchedule:
			q.Name = q.Function
		case KindQueue:
			q.Function = ""
		}
		for _, d := range i.Dead {
			q.Dead = append(q.Dead, DeadLetter{ID: d.ID, Sent: d.Sent, Died: d.Died, Attempts: d.Attempts, Reason: d.Reason, Body: d.Body})
		}
		all = append(all, q)
	}
	return all, err
}

// redrive has the dead letters of all that has a name delivered again.
func (e *events) redrive(name string) (n int, err error) {
	all, err := e.queues()
	if err != nil {
		return 0, err
	}
	found := false
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, q := range all {
		if q.Name != name || e.engine == nil {
			continue
		}
		found = true
		parts := []string{q.Name}
		switch q.Kind {
		case KindSchedule:
			parts = []string{"", q.Function}
		case KindTopic, KindObject:
			parts = append(parts, q.Function)
		}
		more, err := e.engine.Redrive(queueName(q.Kind, parts...))
		if n += more; err != nil {
			return n, fmt.Errorf("delivering the dead letters of %s again: %w", name, err)
		}
	}
	if !found {
		return 0, failed(CodeNotFound, "", "nothing of the name %s ever had a message in %s", quote(name), e.service.scope)
	}
	return n, nil
}

func (s *server) queues(_ context.Context, q FenceRequest) ([]QueueInfo, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return nil, err
	}
	return svc.events.queues()
}

func (s *server) redrive(_ context.Context, q RedriveRequest) (RedriveResponse, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return RedriveResponse{}, err
	}
	n, err := svc.events.redrive(q.Name)
	return RedriveResponse{Messages: n}, err
}

// send takes a message from a request whose body it is, so that a script can send one, too.
func (s *server) send(kind string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := s.sent(kind, r)
		answerJSON(w, sent, err)
	})
}

func (s *server) sent(kind string, r *http.Request) (SendResponse, error) {
	if err := s.knows(r); err != nil {
		return SendResponse{}, err
	}
	q := SendRequest{
		Scope: Scope{Service: r.PathValue("service"), Stage: r.PathValue("stage")}, Kind: kind, Name: r.PathValue("name"),
		ContentType: r.Header.Get(typeHeader), Group: r.Header.Get(groupHeader),
	}
	if text := r.Header.Get(attributesHeader); text != "" {
		if err := json.Unmarshal([]byte(text), &q.Attributes); err != nil {
			return SendResponse{}, failed(CodeInvalid, "", "%s is not a JSON object of texts: %w", attributesHeader, err)
		}
	}
	var err error
	if q.Body, err = io.ReadAll(io.LimitReader(r.Body, MessageSize+1)); err != nil {
		return SendResponse{}, err
	}
	svc, err := s.service(q.Scope)
	if err != nil {
		return SendResponse{}, err
	}
	return svc.events.send(q)
}
