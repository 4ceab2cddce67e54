package knative

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/shim"
	"github.com/ferryfn/ferry/providers/until"
)

// Probe looks whether a revision starts, which Knative found out when it was made, and has its shim answer with its digest at a
// Route of its own, which goes when the probe ends; after a kill the next activation or removal takes it away.
func (a *Adapter) Probe(ctx context.Context, s providers.Spec, r providers.Revision) error {
	return a.done(ctx, "probe", s.Function.Name, func(c *connection) error { return c.probe(ctx, specOf(s), r) })
}

func (c *connection) probe(ctx context.Context, s spec, r providers.Revision) error {
	fn := s.function
	if err := c.startable(ctx, fn.Name, r.ID); err != nil {
		return err
	}
	if !fn.Shimmed() || !c.reachable(fn) {
		return nil
	}
	temporary := &route{object: of(routes, probeName(r.ID), c.labels(fn.Name))}
	temporary.Labels[labelProbe] = "true"
	if !fn.public() {
		temporary.Labels[labelVisibility] = clusterLocal
	}
	temporary.Spec.Traffic = flow{live: r.ID}.traffic()
	if _, err := create(ctx, c, routes, temporary); err != nil && !isTaken(err) {
		return err
	}
	now, err := c.settled(ctx, temporary.Name, "the route of the probe")
	if err == nil {
		err = shim.Probe{
			Provider: name, Function: fn.Name, Revision: r, Starts: func() error { return c.startable(ctx, fn.Name, r.ID) },
			Ask: func() (string, int, error) { return c.askDigest(ctx, fn.Name, now) },
		}.Done(ctx, answering("the revision to answer"))
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
	defer cancel()
	return errors.Join(err, c.erase(clean, routes, meta{Name: temporary.Name}, ""))
}

// reachable reports whether a function's address is to be reached from here.
func (c *connection) reachable(fn function) bool {
	return fn.public() || c.Inside || c.target.LocalIngress != ""
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
	at, host, err := c.reached(addressOf(r))
	if err != nil {
		return "", 0, err
	}
	digest, status, err = shim.Digest(ctx, c.plain, at, word, http.Header{"Host": {host}})
	if err != nil && ctx.Err() == nil {
		return "", 0, nil // the ingress is not ready for it
	}
	return digest, status, err
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
	return with(ctx, a, "invoke", fn, func(c *connection) (providers.Response, error) { return c.invoke(ctx, fn, r) })
}

func (c *connection) invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	now, err := find[route](ctx, c, routes, c.object(fn))
	if err != nil {
		return providers.Response{}, err
	}
	if flowing(now).live == "" || !c.owns(&now.meta, fn) {
		return providers.Response{}, fail(providers.NotFound, "invoke", fn, "deploy it first", "nothing is live")
	}
	if r.Method == "" {
		word, err := c.instance(ctx, fn)
		if err != nil {
			return providers.Response{}, err
		}
		if r, err = shim.Event(r, word, "/ferry/"+c.service+"/"+c.stage+"/"+fn); err != nil {
			return providers.Response{}, err
		}
	}
	at, host, err := c.reached(addressOf(now))
	if err != nil {
		return providers.Response{}, err
	}
	res, err := shim.Send(ctx, c.plain, at, shim.With(r, "Host", host))
	return res, reaching(ctx, err)
}

// reached is where an address of the ingress is to be reached from here, and the host to name there.
func (c *connection) reached(address string) (at, host string, err error) {
	to, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	switch within := strings.HasSuffix(to.Hostname(), ".svc.cluster.local"); {
	case within && !c.Inside:
		at = c.target.LocalIngress
	case within:
		at = address
	case address != "":
		at = cmp.Or(c.target.Ingress, address)
	}
	if at == "" {
		return "", "", fail(providers.Unsupported, "invoke", "", "forward a port to the cluster-local gateway, and name it: targets."+c.targetName+".local_ingress",
			"%s is reached from inside of the cluster only", cmp.Or(address, "the function"))
	}
	return at, to.Host, nil
}
