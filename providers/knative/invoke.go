package knative

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
	"net/url"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// Probe looks whether a revision starts, which Knative found out when it was made, and has its shim answer with its digest at a
// Route of its own, which goes when the probe ends; after a kill the next activation or removal takes it away.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	c, err := a.connect(ctx)
	if err == nil {
		err = c.probe(ctx, specOf(s), r)
	}
	return a.classify("probe", s.Function.Name, err)
}

func (c *connection) probe(ctx context.Context, s spec, r providers.Revision) error {
	fn := s.function
	if err := c.startable(ctx, fn.Name, r.ID); err != nil {
		return err
	}
	if !fn.Shimmed() || !c.reachable(fn) {
		return nil
	}
	temporary := &route{typeMeta: of(routes)}
	temporary.Name, temporary.Labels = probeName(r.ID), c.labels(fn.Name)
	temporary.Labels[labelProbe] = "true"
	if !fn.public() {
		temporary.Labels[labelVisibility] = clusterLocal
	}
	temporary.Spec.Traffic = flow{live: r.ID}.traffic()
	if _, err := create(ctx, c, routes, temporary); err != nil && !isTaken(err) {
		return err
	}
	err := c.probed(ctx, s, r, temporary.Name)
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
	defer cancel()
	return errors.Join(err, c.erase(clean, routes, meta{Name: temporary.Name}, ""))
}

// probed asks until a revision has answered with its digest.
func (c *connection) probed(ctx context.Context, s spec, r providers.Revision, at string) error {
	fn := s.function.Name
	now, err := c.settled(ctx, at, "the route of the probe")
	if err != nil {
		return err
	}
	var wrong *providers.Error
	err = until.True(ctx, answering("the revision to answer"), func() (bool, error) {
		digest, status, err := c.askDigest(ctx, fn, now)
		if err != nil {
			return false, err
		}
		wrong = &providers.Error{Kind: providers.Unhealthy, Op: "probe", Provider: name, Function: fn, Err: fmt.Errorf("the revision %s answers with status %d", r.ID, status)}
		if status == http.StatusOK && digest != r.Digest {
			wrong.Err = fmt.Errorf("the revision %s answers with the digest %q in place of %s", r.ID, digest, r.Digest)
			return false, wrong
		}
		return status == http.StatusOK, nil
	})
	var late *until.Late
	if errors.As(err, &late) && wrong != nil {
		return wrong
	}
	return err
}

// reachable reports whether a function's address is to be reached from here.
func (c *connection) reachable(fn function) bool {
	return fn.public() || c.inside || c.target.LocalIngress != ""
}

// addressOf is where a route is: for all the world, else within the cluster.
func addressOf(r *route) string {
	if r.Status == nil {
		return ""
	}
	return cmp.Or(r.Status.URL, r.Status.Address.URL)
}

// askDigest has a shim say its digest: only it knows the word.
func (c *connection) askDigest(ctx context.Context, fn string, r *route) (digest string, status int, err error) {
	word, err := c.instance(ctx, fn)
	if err != nil {
		return "", 0, err
	}
	res, err := c.request(ctx, addressOf(r), providers.Request{Method: http.MethodGet, Path: "/.ferry/probe", Header: http.Header{"Ferry-Instance": {word}}})
	var lost *unreached
	if errors.As(err, &lost) {
		return "", 0, nil // the ingress is not ready for it
	}
	if err != nil {
		return "", 0, err
	}
	var said struct{ Digest string }
	_ = json.Unmarshal(res.Body, &said) // another answer says no digest
	return said.Digest, res.Status, nil
}

// arrived waits until the address of a function answers as a revision. With a canary any may answer, and a program without a
// shim says nothing of itself: then Knative's own word is taken.
func (c *connection) arrived(ctx context.Context, now *route, s spec, r providers.Revision, f flow) error {
	fn := s.function
	if !fn.Shimmed() || r.Digest == "" || fn.Runtime == "" || f.canary != "" || !c.reachable(fn) {
		return nil
	}
	providers.Stage(ctx, "waiting for the address to answer")
	return until.True(ctx, answering("the address of the function to answer as the new revision"), func() (bool, error) {
		digest, status, err := c.askDigest(ctx, fn.Name, now)
		return status == http.StatusOK && digest == r.Digest, err
	})
}

// Invoke calls a function at its address. A request without a method is an event, which the shim takes from who knows its word.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	c, err := a.connect(ctx)
	var res providers.Response
	if err == nil {
		res, err = c.invoke(ctx, fn, r)
	}
	return res, a.classify("invoke", fn, err)
}

func (c *connection) invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	now, err := find[route](ctx, c, routes, c.object(fn))
	if err != nil {
		return providers.Response{}, err
	}
	if flowing(now).live == "" || !c.owns(&now.meta, fn) {
		return providers.Response{}, &providers.Error{Kind: providers.NotFound, Op: "invoke", Provider: name, Function: fn, Hint: "deploy it first", Err: errors.New("nothing is live")}
	}
	if r.Method == "" {
		word, err := c.instance(ctx, fn)
		if err != nil {
			return providers.Response{}, err
		}
		if r, err = c.event(fn, word, r); err != nil {
			return providers.Response{}, err
		}
	}
	return c.request(ctx, addressOf(now), r)
}

// request sends a request to an address of the ingress.
func (c *connection) request(ctx context.Context, address string, r providers.Request) (providers.Response, error) {
	at := c.reach(address)
	if at == "" {
		return providers.Response{}, &providers.Error{
			Kind: providers.Unsupported, Op: "invoke", Provider: name, Hint: "forward a port to the cluster-local gateway, and name it: targets." + c.targetName + ".local_ingress",
			Err: fmt.Errorf("%s is reached from inside of the cluster only", cmp.Or(address, "the function")),
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(at, "/")+"/"+strings.TrimPrefix(r.Path, "/"), bytes.NewReader(r.Body))
	if err != nil {
		return providers.Response{}, err
	}
	maps.Copy(req.Header, r.Header)
	if to, err := url.Parse(address); err == nil {
		req.Host = to.Host
	}
	began := time.Now()
	res, err := c.plain.Do(req)
	if err != nil {
		return providers.Response{}, reaching(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return providers.Response{Status: res.StatusCode, Header: res.Header, Body: body, Seconds: time.Since(began).Seconds()}, err
}

// event is the request that brings an event to a shim: a CloudEvent in JSON.
func (p *place) event(fn, word string, r providers.Request) (providers.Request, error) {
	body, err := r.Structured(nonce(), "/ferry/"+p.service+"/"+p.stage+"/"+fn, time.Now())
	header := http.Header{"Content-Type": {"application/cloudevents+json"}, "Ferry-Instance": {word}}
	return providers.Request{Method: http.MethodPost, Path: "/.ferry/event", Header: header, Body: body}, err
}
