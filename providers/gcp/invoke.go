package gcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	logging "google.golang.org/api/logging/v2"
	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/shim"
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
	return shim.Probe{
		Provider: name, Function: fn, Revision: r, Starts: func() error { return c.startable(ctx, fn, r.ID) },
		Ask: func() (string, int, error) { return c.ask(ctx, fn, r.ID, at, found.Uri) },
	}.Done(ctx, answering("the revision to answer"))
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
	header := http.Header{}
	if audience != "" {
		token, err := c.idToken(ctx, audience)
		if err != nil {
			return "", 0, err
		}
		header.Set("Authorization", "Bearer "+token)
	}
	return shim.Digest(ctx, c.plain, at, variableOf(r.Containers, variableInstance), header)
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
	if accessOf(found) != public && http.Header(r.Header).Get("Authorization") == "" {
		token, err := c.idToken(ctx, found.Uri)
		if err != nil {
			return providers.Response{}, err
		}
		r = shim.With(r, "Authorization", "Bearer "+token)
	}
	return shim.Send(ctx, c.plain, found.Uri, r)
}

// eventRequest is the request that brings an event to a revision: a CloudEvent in JSON.
func (c *connection) eventRequest(ctx context.Context, fn, id string, r providers.Request) (providers.Request, error) {
	revision, err := c.getRevision(ctx, fn, id)
	if err != nil {
		return r, err
	}
	word := ""
	if revision != nil {
		word = variableOf(revision.Containers, variableInstance)
	}
	return shim.Event(r, word, "/ferry/"+c.service+"/"+c.stage+"/"+fn)
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
