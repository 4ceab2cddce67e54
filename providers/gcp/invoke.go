package gcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	logging "google.golang.org/api/logging/v2"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Probe looks whether a revision starts, which Cloud Run found out when it was made, and has its shim answer at its tag.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.probe(ctx, specOf(s), r)
	}
	return a.classify("probe", s.Function.Name, err)
}

func (c *connection) probe(ctx context.Context, s spec, r providers.Revision) error {
	fn := s.function.Name
	if err := c.startable(ctx, fn, r.ID); err != nil {
		return err
	}
	if !s.function.Shimmed() || !s.function.reachable() {
		return nil
	}
	found, err := c.get(ctx, fn)
	if err != nil || found == nil {
		return err
	}
	at := addressOf(found, r.ID)
	if at == "" { // it was probed when it was made, and starts: that it does Google found out for itself
		return nil
	}
	var wrong *providers.Error
	err = until.True(ctx, answering("the revision to answer"), func() (bool, error) {
		digest, status, err := c.ask(ctx, fn, r.ID, at, found.Uri)
		if err != nil {
			return false, err
		}
		wrong = &providers.Error{
			Kind: providers.Unhealthy, Op: "probe", Provider: name, Function: fn,
			Err: fmt.Errorf("the revision %s answers with status %d", r.ID, status),
		}
		if status == http.StatusOK && digest != r.Digest {
			wrong.Err = fmt.Errorf("the revision %s answers with the digest %q in place of %s", r.ID, digest, r.Digest)
			return false, wrong
		}
		if status != http.StatusOK { // it may have turned out since that it does not start
			return false, c.startable(ctx, fn, r.ID)
		}
		return true, nil
	})
	var late *until.Late
	if errors.As(err, &late) && wrong != nil {
		return wrong
	}
	return err
}

// tagFor gives a revision a tag, and is its address.
func (c *connection) tagFor(ctx context.Context, fn, id string) (string, error) {
	now, err := c.change(ctx, fn, func(now *run.GoogleCloudRunV2Service) ([]string, error) {
		if now.Traffic = unreleased(id); heading(now).live != "" {
			now.Traffic = heading(now).with(id)
		}
		return []string{"traffic"}, nil
	})
	if err == nil && (now == nil || addressOf(now, id) == "") {
		err = &providers.Error{
			Kind: providers.Unavailable, Op: "probe", Provider: name, Function: fn, Hint: "deploy again", Err: fmt.Errorf("the revision %s has no address of its own", id),
		}
	}
	if err != nil {
		return "", err
	}
	return addressOf(now, id), nil
}

// ask has a revision's shim say its digest, at an address that may be another revision's: only this one knows the word. It asks
// as the caller, or without an audience as anybody.
func (c *connection) ask(ctx context.Context, fn, id, at, audience string) (digest string, status int, err error) {
	r, err := c.getRevision(ctx, fn, id)
	if err != nil || r == nil {
		return "", 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/.ferry/probe", nil)
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Ferry-Instance", variableOf(r.Containers, variableInstance))
	if audience != "" {
		token, err := c.idToken(ctx, audience)
		if err != nil {
			return "", 0, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.plain.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	var said struct{ Digest string }
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	_ = json.Unmarshal(data, &said) // another answer says no digest
	return said.Digest, res.StatusCode, err
}

// arrived waits until the address of a function answers as a revision: of a public one, to anybody. A program without a shim
// says nothing of itself: of it Google's own word is taken.
func (c *connection) arrived(ctx context.Context, s *run.GoogleCloudRunV2Service, fn function, r providers.Revision) error {
	if !fn.Shimmed() || !fn.reachable() || r.Digest == "" || fn.Runtime == "" {
		return nil
	}
	providers.Stage(ctx, "waiting for the address to answer as the new revision")
	audience := s.Uri
	if fn.access() == public {
		audience = ""
	}
	err := until.True(ctx, answering("the address of the function to answer as the new revision"), func() (bool, error) {
		digest, status, err := c.ask(ctx, fn.Name, r.ID, s.Uri, audience)
		return status == http.StatusOK && digest == r.Digest, err
	})
	if errors.Is(err, providers.Unsupported) {
		return nil // nobody can tell
	}
	return err
}

// entered waits until anybody is let in to a program without a shim, which was not so before.
func (c *connection) entered(ctx context.Context, s *run.GoogleCloudRunV2Service, fn function) error {
	if fn.Shimmed() || !fn.reachable() || fn.access() != public || s == nil {
		return nil
	}
	return until.True(ctx, answering("anybody to be let in to the function"), func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.Uri, nil)
		if err != nil {
			return false, err
		}
		res, err := c.plain.Do(req)
		if err != nil {
			return false, err
		}
		return res.StatusCode != http.StatusForbidden, res.Body.Close()
	})
}

// Invoke calls a function at its address, with a token of the caller where not everybody may call it. A request without a method
// is an event, which the shim takes from who knows the revision's own word.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	c, err := a.connect(ctx)
	var res providers.Response
	if err == nil {
		res, err = c.invoke(ctx, fn, r)
	}
	return res, a.classify("invoke", fn, err)
}

func (c *connection) invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	found, err := c.get(ctx, fn)
	if err != nil {
		return providers.Response{}, err
	}
	live := routed(found).live
	if live == "" || !c.owns(found.Labels, fn) {
		return providers.Response{}, &providers.Error{
			Kind: providers.NotFound, Op: "invoke", Provider: name, Function: fn, Hint: "deploy it first", Err: errors.New("nothing is live"),
		}
	}
	if r.Method == "" {
		if r, err = c.eventRequest(ctx, fn, live, r); err != nil {
			return providers.Response{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(found.Uri, "/")+"/"+strings.TrimPrefix(r.Path, "/"), bytes.NewReader(r.Body))
	if err != nil {
		return providers.Response{}, err
	}
	maps.Copy(req.Header, r.Header)
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if accessOf(found) != public && req.Header.Get("Authorization") == "" {
		token, err := c.idToken(ctx, found.Uri)
		if err != nil {
			return providers.Response{}, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	began := time.Now()
	answer, err := c.plain.Do(req)
	if err != nil {
		return providers.Response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return providers.Response{Status: answer.StatusCode, Header: answer.Header, Body: body, Seconds: time.Since(began).Seconds()}, err
}

// eventRequest is the request that brings an event to a revision: a CloudEvent in JSON.
func (c *connection) eventRequest(ctx context.Context, fn, id string, r providers.Request) (providers.Request, error) {
	revision, err := c.getRevision(ctx, fn, id)
	if err != nil {
		return r, err
	}
	body, err := r.Structured(nonce(), "/ferry/"+c.service+"/"+c.stage+"/"+fn, time.Now())
	if err != nil {
		return r, err
	}
	header := http.Header{"Content-Type": {"application/cloudevents+json"}}
	if revision != nil {
		header.Set("Ferry-Instance", variableOf(revision.Containers, variableInstance))
	}
	return providers.Request{Method: http.MethodPost, Path: "/.ferry/event", Header: header, Body: body}, nil
}

// explained adds the end of its log to a revision that does not start.
func (c *connection) explained(ctx context.Context, fn, id string, e *providers.Error) error {
	if e.Kind != providers.Crashed {
		return e
	}
	e.Log = c.lastWords(ctx, fn, id)
	e.Hint = providers.CrashHint(e.Log)
	return e
}

// lastLines is how much of a log explains why a revision does not start.
const lastLines = 30

// lastWords is the end of what a revision wrote. What cannot be read explains nothing, and Google's own words are there anyway.
func (c *connection) lastWords(ctx context.Context, fn, id string) string {
	var lines []string
	_ = until.True(ctx, logged(), func() (bool, error) {
		out, err := c.logging.Entries.List(&logging.ListLogEntriesRequest{
			ResourceNames: []string{"projects/" + c.target.Project}, OrderBy: "timestamp desc", PageSize: lastLines,
			Filter: fmt.Sprintf(`resource.type="cloud_run_revision" AND resource.labels.service_name=%q AND resource.labels.revision_name=%q AND logName:"run.googleapis.com%%2Fstd"`, c.serviceName(fn), id),
		}).Context(ctx).Do()
		if err != nil {
			return false, err
		}
		for _, entry := range slices.Backward(out.Entries) {
			lines = append(lines, strings.TrimRight(cmp.Or(entry.TextPayload, string(entry.JsonPayload)), "\n"))
		}
		return len(lines) > 0, nil
	})
	return strings.Join(lines, "\n")
}
