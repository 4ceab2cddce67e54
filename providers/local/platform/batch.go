package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferryfn/ferry/internal/delivery"
)

// batchType is the form in which a shim gets several messages: CloudEvents' own batch, each event with its data in Base64 and what the
// platform says of it as extensions.
const batchType = "application/cloudevents-batch+json"

// together delivers the messages of a batch as one event, where there are several and what is live takes them so.
func (s *service) together(ctx context.Context, function string, batch []delivery.Delivery) (outcomes []error, taken bool) {
	if len(batch) < 2 || slices.ContainsFunc(batch, func(d delivery.Delivery) bool { return !utf8.Valid(d.Body) }) {
		return nil, false // what is no text fails by itself, and not what it would come with
	}
	events := make([]map[string]any, len(batch))
	for i, d := range batch {
		events[i] = structured(d)
	}
	body, err := json.Marshal(events)
	if err != nil {
		return nil, false // text and bytes always have a JSON form
	}
	q := InvokeRequest{Scope: s.scope, Function: function, Header: map[string][]string{typeHeader: {batchType}}, Body: body}
	res, err := s.callOf(ctx, q, s.chooseForBatches)
	if CodeOf(err) == CodeNotFound || err == nil && res.Status == http.StatusBadRequest { // a package of an earlier ferry knows no batches
		return nil, false
	}
	return s.outcomes(function, batch, res, err), true
}

// chooseForBatches is choose for what takes batches.
func (s *service) chooseForBatches(function string) *pool {
	if p := s.choose(function); p != nil && p.revision.Batches {
		return p
	}
	return nil
}

// structured is a message as a CloudEvent.
func structured(d delivery.Delivery) map[string]any {
	event := map[string]any{
		"specversion": "1.0", "id": d.ID, "time": d.Sent.UTC().Format(time.RFC3339Nano), "ferryattempt": strconv.Itoa(d.Attempt), "data_base64": d.Body,
	}
	for header, value := range d.Header {
		switch name := strings.ToLower(header); {
		case header == typeHeader:
			event["datacontenttype"] = value
		case header == attributesHeader:
			event["ferryattributes"] = value
		case strings.HasPrefix(name, "ce-"):
			event[strings.TrimPrefix(name, "ce-")] = value
		}
	}
	if d.Group != "" {
		event["ferrygroup"] = d.Group
	}
	return event
}

// outcomes are what a function that took a batch says of each message. As on AWS, a batch of which it names a message that is none of it
// has failed as a whole: nobody knows which one is meant.
func (s *service) outcomes(function string, batch []delivery.Delivery, res InvokeResponse, err error) []error {
	outcomes, failure := make([]error, len(batch)), s.outcome(function, res, err)
	var said struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if failure == nil && len(res.Body) > 0 {
		if err := json.Unmarshal(res.Body, &said); err != nil {
			failure = fmt.Errorf("what it says of the batch has no form that ferry knows: %w", err)
		}
	}
	failed := map[string]bool{}
	for _, f := range said.Failures {
		failed[f.ID] = true
	}
	for i, d := range batch {
		if failed[d.ID] {
			outcomes[i] = errors.New("the handler names the message in batchItemFailures")
		}
	}
	for _, d := range batch {
		delete(failed, d.ID)
	}
	for id := range failed {
		failure = fmt.Errorf("the handler names the message %q in batchItemFailures, which the batch does not have", id)
	}
	if failure != nil {
		for i := range outcomes {
			outcomes[i] = failure
		}
	}
	return outcomes
}
