package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/delivery"
)

// The headers of a message beside the attributes of its event, which begin with Ce-.
const (
	attemptHeader    = "Ferry-Attempt"
	attributesHeader = "Ferry-Attributes"
	groupHeader      = "Ferry-Group"
	typeHeader       = "Content-Type"
)

// consumer delivers the messages of a binding to what is live of a function.
func (e *events) consumer(function string, b Binding, limit int) delivery.Consumer {
	return delivery.Consumer{
		Queue: b.queue(function), Batch: max(1, b.Batch), Limit: limit,
		Retry: delivery.Retry{Attempts: cmp.Or(b.Attempts, defaultAttempts), Backoff: cmp.Or(b.Backoff, defaultBackoff)},
		Deliver: func(ctx context.Context, batch []delivery.Delivery) []error {
			if outcomes, taken := e.service.together(ctx, function, batch); taken {
				return outcomes
			}
			outcomes := make([]error, len(batch))
			for i, d := range batch {
				outcomes[i] = e.service.deliver(ctx, function, d)
			}
			return outcomes
		},
	}
}

// deliver calls a function with one event.
func (s *service) deliver(ctx context.Context, function string, d delivery.Delivery) error {
	q := InvokeRequest{Scope: s.scope, Function: function, Body: d.Body, Header: map[string][]string{attemptHeader: {strconv.Itoa(d.Attempt)}}}
	for name, value := range d.Header {
		q.Header[name] = []string{value}
	}
	q.Header["Ce-Id"], q.Header["Ce-Time"] = []string{d.ID}, []string{d.Sent.UTC().Format(time.RFC3339Nano)}
	if d.Group != "" {
		q.Header[groupHeader] = []string{d.Group}
	}
	res, err := s.call(ctx, q)
	return s.outcome(function, res, err)
}

// outcome is what became of a call with an event: nil where the function took it.
func (s *service) outcome(function string, res InvokeResponse, err error) error {
	switch CodeOf(err) {
	case CodeBusy, CodeNotFound:
		return fmt.Errorf("%w: %w", delivery.ErrPostponed, err)
	}
	switch {
	case err != nil:
		return errors.New(s.hide(function, reason(err)))
	case res.Status < 200 || res.Status > 299:
		return errors.New(s.hide(function, refusal(res)))
	}
	return nil
}

// reason is why a call failed, with the end of the log that explains it.
func reason(err error) string {
	const lines = 5
	e := wire(err)
	log := strings.Split(strings.TrimRight(e.Log, "\n"), "\n")
	if end := strings.Join(log[max(0, len(log)-lines):], "\n"); end != "" {
		return shortened(e.Message + "; its log ends with:\n" + end)
	}
	return e.Message
}

// shortened is a text that people read in a list.
func shortened(text string) string {
	const most = 1 << 10
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}

// hide masks the values of a function's secrets.
func (s *service) hide(function, text string) string {
	for _, p := range (*s.routes.Load())[function].pools() {
		text = p.journal.secrets.Hide(text)
	}
	return text
}

// refusal is why a function did not take an event, in its own words.
func refusal(res InvokeResponse) string {
	var said struct {
		Error string `json:"error"`
	}
	words := strings.TrimSpace(string(res.Body))
	if json.Unmarshal(res.Body, &said) == nil && said.Error != "" {
		words = said.Error
	}
	words = shortened(words)
	if words == "" || said.Error == "" {
		words = strings.TrimSpace(fmt.Sprintf("it answered %d %s", res.Status, http.StatusText(res.Status)) + ": " + words)
	}
	return strings.TrimSuffix(words, ":")
}

// schedule puts an event for a function whenever it is due.
func (e *events) schedule(function string, b Binding) (*delivery.Timer, error) {
	when, err := delivery.ParseSchedule(b.Cron, cmp.Or(b.Zone, "UTC"))
	if err != nil {
		return nil, failed(CodeInvalid, function, "%s: %w", function, err)
	}
	return e.engine.Every(when, b.note(function), func(due time.Time) delivery.Envelope {
		return delivery.Envelope{Queue: b.queue(function), Message: delivery.Message{
			ID: token(16), Sent: due,
			Header: map[string]string{"Ce-Type": "dev.ferry.schedule.v1", "Ce-Source": "/schedules/" + function},
		}}
	})
}

// note is where it is kept when a schedule fired last.
func (b Binding) note(function string) string {
	return "schedule/" + function + "/" + b.Zone + "/" + b.Cron
}

// happened are the messages about an object, one for each function that is bound to it.
func (e *events) happened(o object, happened string) []delivery.Envelope {
	body, err := json.Marshal(struct {
		Bucket string `json:"bucket"`
		Key    string `json:"key"`
		Size   int64  `json:"size"`
		ETag   string `json:"etag,omitempty"`
	}{o.bucket, o.key, o.Size, o.ETag})
	if err != nil {
		return nil // a struct of text always has a JSON form
	}
	now := time.Now().UTC()
	var all []delivery.Envelope
	for function, entry := range e.current() {
		for _, b := range entry.Events {
			if !b.takes(o.bucket, happened, o.key) {
				continue
			}
			all = append(all, delivery.Envelope{Queue: b.queue(function), Message: delivery.Message{
				ID: fmt.Sprintf("%s.%016X", token(8), now.UnixNano()), Sent: now, Body: body,
				Header: map[string]string{
					"Ce-Type": "dev.ferry.object." + happened + ".v1", "Ce-Source": "/buckets/" + o.bucket, "Ce-Subject": o.key,
					typeHeader: "application/json",
				},
			}})
			break
		}
	}
	return all
}
