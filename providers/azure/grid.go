package azure

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// gridBinding is a subscription of Event Grid that hands a function what happens to something.
type gridBinding struct {
	Source string   `json:"source"` // the id of a topic, or of a storage account
	Types  []string `json:"types,omitempty"`
	Begins string   `json:"begins,omitempty"`
	Ends   string   `json:"ends,omitempty"`
}

// gridded reports whether an event comes by Event Grid.
func (f function) gridded(e manifest.Event) bool {
	return e.Object != nil || e.Topic != nil && (f.own.ServiceBus == "" || isID(f.own.resource(e.Topic.Name)))
}

// gridOf are the subscriptions that a function's events need, by their names.
func (c *connection) gridOf(fn function) map[string]gridBinding {
	all := map[string]gridBinding{}
	for _, e := range fn.Events {
		var b gridBinding
		switch {
		case !fn.gridded(e):
			continue
		case e.Topic != nil:
			b.Source = c.resource("Microsoft.EventGrid/topics", fn.own.resource(e.Topic.Name))
		case e.Object != nil:
			b = c.objects(fn, e.Object)
		}
		all[c.unique(maxGridName, c.service, c.stage, fn.Name, b.Source, b.Begins, b.Ends, strings.Join(b.Types, " "))] = b
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

const maxGridName = 64

// resource is the id of something that an event names: one that was given, or of that name in the resource group.
func (c *connection) resource(kind, name string) string {
	if isID(name) {
		return name
	}
	return c.id(kind, name)
}

// objects is the subscription for a container of blobs: by its name in the target's storage account, or ACCOUNT/CONTAINER.
func (c *connection) objects(fn function, e *manifest.ObjectEvent) gridBinding {
	account, container, other := strings.Cut(fn.own.resource(e.Bucket), "/")
	if !other {
		account, container = c.storageName(), account
	}
	b := gridBinding{
		Source: c.id("Microsoft.Storage/storageAccounts", account), Ends: e.Suffix,
		Begins: "/blobServices/default/containers/" + container + "/blobs/" + e.Prefix,
	}
	for _, on := range e.On {
		b.Types = append(b.Types, map[string]string{"created": "Microsoft.Storage.BlobCreated", "deleted": "Microsoft.Storage.BlobDeleted"}[on])
	}
	slices.Sort(b.Types)
	return b
}

type subscription struct {
	Properties subscriptionProperties `json:"properties"`
}

type subscriptionProperties struct {
	Destination struct {
		Type       string `json:"endpointType"`
		Properties struct {
			ResourceID string `json:"resourceId"`
		} `json:"properties"`
	} `json:"destination"`
	Filter struct {
		Types  []string `json:"includedEventTypes,omitempty"`
		Begins string   `json:"subjectBeginsWith,omitempty"`
		Ends   string   `json:"subjectEndsWith,omitempty"`
	} `json:"filter"`
	Schema string   `json:"eventDeliverySchema"`
	Labels []string `json:"labels,omitempty"`
}

// label marks a subscription as ferry's, for a function: subscriptions have no tags.
func (a *app) label() string { return ours + a.service + "/" + a.stage + "/" + a.function }

// subscribe makes the subscriptions exactly those that are wanted, on whatever the stored revisions ever subscribed to.
func (a *app) subscribe(ctx context.Context, wanted map[string]gridBinding) error {
	known, err := a.everSubscribed(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, stays := wanted[name]; stays {
			continue
		}
		err := a.call(ctx, http.MethodDelete, subscriptionID(known[name], name), gridVersion, nil, nil)
		if unlessMissing(err) != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := a.subscribeTo(ctx, name, wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

// everSubscribed are the subscriptions of all revisions that are stored.
func (a *app) everSubscribed(ctx context.Context) (map[string]gridBinding, error) {
	keys, err := a.box.list(ctx, "revisions/")
	if err != nil {
		return nil, err
	}
	all := map[string]gridBinding{}
	for _, key := range keys {
		r, err := a.record(ctx, strings.TrimSuffix(lastPart(key), ".json"))
		if err != nil {
			return nil, err
		}
		if r != nil {
			maps.Copy(all, r.Grid)
		}
	}
	return all, nil
}

func subscriptionID(b gridBinding, name string) string {
	return b.Source + "/providers/Microsoft.EventGrid/eventSubscriptions/" + name
}

func (a *app) subscribeTo(ctx context.Context, name string, b gridBinding) error {
	s := subscription{Properties: subscriptionProperties{Schema: "EventGridSchema", Labels: []string{a.label()}}}
	d := &s.Properties.Destination
	d.Type, d.Properties.ResourceID = "AzureFunction", a.siteID(a.name)+"/functions/"+pushedFunction
	f := &s.Properties.Filter
	f.Types, f.Begins, f.Ends = b.Types, b.Begins, b.Ends
	err := until.Done(ctx, func() error {
		return a.call(ctx, http.MethodPut, subscriptionID(b, name), gridVersion, s, nil)
	}, patiently("the function to be known to Event Grid", subscribing, func(err error) bool {
		return unawake(err) || kindOf(err) == providers.Invalid && says(err, "destination", "endpoint", "function")
	}))
	switch {
	case unawake(err):
		return fail(providers.Unhealthy, "bind", a.function, "see `ferry logs "+a.function+"`: what it loads may take too long, or fail; then deploy again",
			"within %s the function did not answer Event Grid, which asks whether it wants the events: %w", subscribing, err)
	case isNotFound(err):
		return fail(providers.NotFound, "bind", a.function, "make it, or map the name under resources of the target", "%s does not exist", b.Source)
	}
	return err
}

// unawake reports whether Event Grid asked the function whether it wants the events, and got no answer in time: it has been asked by
// then, so that an instance starts. An app of Python takes longer for that than Event Grid waits.
func unawake(err error) bool { return err != nil && says(err, "validation handshake failed") }
