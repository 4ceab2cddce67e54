package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/fence"
)

// claim is what an app's container says of what is live. ARM takes no conditions for apps: this blob takes them, and whoever
// changes the app holds its lease.
type claim struct {
	Epochs   map[string]providers.Epoch `json:"epochs"`            // the highest that each target showed
	Live     string                     `json:"live"`              // the revision that is live, "" is none
	Digest   string                     `json:"digest"`            // of its spec
	Settings string                     `json:"settings"`          // the revision whose configuration the app has
	Package  string                     `json:"package"`           // the entity tag of the app's package when Live was put there
	Next     string                     `json:"next,omitempty"`    // what the app is being changed to; "-" is to nothing
	Bindings providers.Mode             `json:"bindings"`          // the mode that events were bound in last
	Triggers []string                   `json:"triggers"`          // the functions of Live that events call
	Granted  []roleGrant                `json:"granted,omitempty"` // the roles that the function's identity has
	HTTP     bool                       `json:"http,omitempty"`    // whether Live has an address

	Subscribed bool     `json:"subscribed,omitempty"` // there may be subscriptions of Event Grid or of topics
	Heard      []string `json:"heard,omitempty"`      // subscriptions of topics that there are, with the function's role on them
}

// subscribes notes, before there are any, that there may be subscriptions.
func (c *claim) subscribes(some bool) bool {
	changed := some && !c.Subscribed
	c.Subscribed = c.Subscribed || some
	return changed
}

// silences notes, before they go, that no subscriptions of topics are there for sure but some.
func (c *claim) silences(but []string) bool {
	stays := slices.DeleteFunc(slices.Clone(c.Heard), func(id string) bool { return !slices.Contains(but, id) })
	changed := len(stays) != len(c.Heard)
	c.Heard = stays
	return changed
}

// nothing is what an app is changed to that is taken down.
const nothing = "-"

// claim reads what an app's container says; an empty tag is that ferry has no such app.
func (a *app) claim(ctx context.Context) (claim, azcore.ETag, error) {
	var c claim
	tag, err := a.box.read(ctx, claimKey, &c)
	if c.Epochs == nil {
		c.Epochs = map[string]providers.Epoch{}
	}
	return c, tag, err
}

// mode is that of the bindings of what is live.
func (c claim) mode() providers.Mode {
	switch {
	case len(c.Triggers) == 0 || c.Bindings == providers.BindNone || c.Bindings == "":
		return providers.BindNone
	default:
		return c.Bindings
	}
}

// held is the lease of an app, with what its blob says. It is renewed until it is let go.
type held struct {
	*app
	claim claim
	tag   azcore.ETag
	id    string
	lease *lease.BlobClient
	stop  context.CancelFunc
	done  chan struct{}

	proving sync.Mutex
	proven  time.Time // when the newest call began that showed that the lease is held
}

const (
	leaseSeconds = 60
	renewEvery   = 20 * time.Second
	provenTime   = 2 * time.Second
)

// take leases the app if its blob is as it was read. The context that it returns ends when the lease is lost.
func (a *app) take(ctx context.Context, c claim, tag azcore.ETag, e providers.Epoch) (*held, context.Context, error) {
	id := newGUID()
	if kept, own := a.leases.LoadAndDelete(a.name); own {
		id = kept.(string)
	}
	client, err := lease.NewBlobClient(a.box.blob(claimKey), &lease.BlobClientOptions{LeaseID: &id})
	if err != nil {
		return nil, ctx, err
	}
	acquire := func() error {
		return a.box.patiently(ctx, func() error {
			_, err := client.AcquireLease(ctx, leaseSeconds, &lease.BlobAcquireOptions{ModifiedAccessConditions: condition{tag: tag}.access().ModifiedAccessConditions})
			return err
		})
	}
	asked := time.Now()
	err = acquire()
	if is(err, "LeaseAlreadyPresent") && e > c.Epochs[a.targetName] { // whoever holds it was overtaken
		if err = a.breakLease(ctx); err == nil {
			asked = time.Now()
			err = acquire()
		}
	}
	if conditionFailed(err) || is(err, "LeaseAlreadyPresent") {
		return nil, ctx, a.stale("another command is changing it")
	}
	if err != nil {
		return nil, ctx, err
	}
	h := &held{app: a, claim: c, tag: tag, id: id, lease: client, done: make(chan struct{}), proven: asked}
	within, cancel := context.WithCancelCause(context.WithValue(ctx, leased{}, h))
	renewing, stop := context.WithCancel(within)
	h.stop = stop
	go h.renew(renewing, cancel)
	return h, within, nil
}

// leased is the key of the lease that a context of work is under.
type leased struct{}

// whileLeased has what changes the app go out only while its lease is held: Resource Manager and the host of deployments take no
// conditions. Where the last proof is older than a moment, as after the process was stopped, it is asked for first.
func whileLeased(where func(*http.Request) bool) policy.Policy {
	return policyFunc(func(req *policy.Request) (*http.Response, error) {
		raw := req.Raw()
		if h, _ := raw.Context().Value(leased{}).(*held); h != nil && raw.Method != http.MethodGet && where(raw) {
			if err := h.still(raw.Context()); err != nil {
				return nil, hopeless{err}
			}
		}
		return req.Next()
	})
}

// still fails when the lease is lost.
func (h *held) still(ctx context.Context) error {
	h.proving.Lock()
	defer h.proving.Unlock()
	if time.Since(h.proven) < provenTime {
		return nil
	}
	return h.prolong(ctx)
}

// prolong renews the lease; a Conflict is that it is lost.
func (h *held) prolong(ctx context.Context) error {
	asked := time.Now()
	_, err := h.lease.RenewLease(ctx, nil)
	switch {
	case is(err, "LeaseNotPresentWithLeaseOperation", "LeaseIdMismatchWithLeaseOperation", "LeaseIsBrokenAndCannotBeRenewed", "LeaseLost"):
		return h.stale("another command took over from this one")
	case err == nil:
		h.proven = asked
	}
	return err
}

func (h *held) renew(ctx context.Context, lost context.CancelCauseFunc) {
	defer close(h.done)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.proving.Lock()
		err := h.prolong(ctx)
		h.proving.Unlock()
		if errors.Is(err, providers.Conflict) { // any other failure says nothing about it
			lost(err)
			return
		}
	}
}

// write says what the app is at now. Whoever has lost the lease writes nothing.
func (h *held) write(ctx context.Context, change func(*claim)) error {
	next := h.claim
	change(&next)
	tag, err := h.box.write(ctx, claimKey, next, condition{tag: h.tag, lease: h.id})
	if conditionFailed(err) {
		if found, now, reading := h.app.claim(ctx); reading == nil && found.same(next) { // the reply was lost
			h.claim, h.tag = next, now
			return nil
		}
		return h.stale("another command took over from this one")
	}
	if err == nil {
		h.claim, h.tag = next, tag
	}
	return err
}

func (c claim) same(as claim) bool { return fmt.Sprint(c) == fmt.Sprint(as) }

// release lets the app go, also when the command is being stopped. What is not let go ends by itself, and until then this process can take
// it again.
func (h *held) release(ctx context.Context) {
	h.stop()
	<-h.done
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := h.lease.ReleaseLease(short, nil); err != nil {
		h.leases.Store(h.name, h.id)
	}
}

func (a *app) breakLease(ctx context.Context) error {
	client, err := lease.NewBlobClient(a.box.blob(claimKey), nil)
	if err != nil {
		return err
	}
	_, err = client.BreakLease(ctx, &lease.BlobBreakOptions{BreakPeriod: new(int32(0))})
	if is(err, "LeaseNotPresentWithLeaseOperation") {
		return nil
	}
	return err
}

func (a *app) stale(why string) *providers.Error {
	return fail(providers.Conflict, "activate", a.function, "run `ferry status` to see what serves", "what is live changed in the meantime: %s", why)
}

// admit refuses to change an app that a later lock was at.
func (a *app) admit(c claim, e providers.Epoch) error {
	return fence.Admit(name, a.function, "app", c.Epochs[a.targetName], e)
}

// alter changes what the app's blob says while nobody holds it, again and again until it was the one as it was read.
func (a *app) alter(ctx context.Context, e providers.Epoch, change func(*claim) bool) error {
	for range 5 {
		c, tag, err := a.claim(ctx)
		if err != nil || tag == "" {
			return err
		}
		if err := a.admit(c, e); err != nil {
			return err
		}
		if !change(&c) {
			return nil
		}
		_, err = a.box.write(ctx, claimKey, c, condition{tag: tag})
		if !conditionFailed(err) {
			return err
		}
		if is(err, "LeaseIdMissing") {
			return a.stale("another command is changing it")
		}
	}
	return errors.Join(a.stale("it changes all the time"))
}
