package knative

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferryfn/ferry/providers/kubeconfig"
	"github.com/ferryfn/ferry/providers/until"
)

// connection speaks to the API server of a cluster.
type connection struct {
	*place
	*kubeconfig.Access
	namespace string
	client    *http.Client // of the API server
	plain     *http.Client // of functions and registries
}

// connect reads the kubeconfig, once.
func (a *Adapter) connect(ctx context.Context) (*connection, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connection != nil {
		return a.connection, ctx.Err()
	}
	access, err := kubeconfig.Search{
		File: a.target.Kubeconfig, Context: a.target.Context, Setting: "targets." + a.targetName + ".context", Env: a.variable, Mounted: a.mounted,
	}.Find()
	if err != nil {
		return nil, err
	}
	c := &connection{place: &a.place, Access: access, namespace: cmp.Or(a.target.Namespace, access.Namespace, "default")}
	c.plain = &http.Client{Transport: http.DefaultTransport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.client, err = access.Client(); err == nil {
		err = access.Begin(ctx)
	}
	if err != nil {
		return nil, err
	}
	a.connection = c
	return c, nil
}

// with has something done over the connection. What fails gets its kind and its next step.
func with[T any](ctx context.Context, a *Adapter, op, fn string, do func(*connection) (T, error)) (T, error) {
	var out T
	c, err := a.connect(ctx)
	if err == nil {
		out, err = do(c)
	}
	return out, a.classify(op, fn, err)
}

// done is with, for what has no result.
func (a *Adapter) done(ctx context.Context, op, fn string, do func(*connection) error) error {
	_, err := with(ctx, a, op, fn, func(c *connection) (any, error) { return nil, do(c) })
	return err
}

// resource is a kind of objects by its group, version and plural.
type resource string

// The resources that the adapter uses.
const (
	configurations resource = "serving.knative.dev/v1/configurations"
	routes         resource = "serving.knative.dev/v1/routes"
	revisions      resource = "serving.knative.dev/v1/revisions"
	services       resource = "serving.knative.dev/v1/services"
	cronJobs       resource = "batch/v1/cronjobs"
	secretObjects  resource = "v1/secrets"
	configMaps     resource = "v1/configmaps"
	brokers        resource = "eventing.knative.dev/v1/brokers"
	triggers       resource = "eventing.knative.dev/v1/triggers"
	pods           resource = "v1/pods"
)

// parts are the version of a resource, with its group where it has one, and its plural.
func (r resource) parts() (version, plural string) {
	at := strings.LastIndexByte(string(r), '/')
	return string(r)[:at], string(r)[at+1:]
}

// path is where a resource's objects of the namespace are, or one of them.
func (c *connection) path(r resource, name string) string {
	version, plural := r.parts()
	root := "/api/"
	if strings.Contains(version, "/") {
		root = "/apis/"
	}
	path := root + version + "/namespaces/" + c.namespace + "/" + plural
	if name != "" {
		path += "/" + name
	}
	return path
}

// call is one request to the API server.
type call struct {
	method, path string
	query        url.Values
	media        string // of the body; "" is JSON
	accept       string // "" is JSON
	body         any
}

// do makes a call, again while it fails in passing, and reads the answer into out.
func (c *connection) do(ctx context.Context, q call, out any) error {
	var data []byte
	var err error
	if q.body != nil {
		if data, err = json.Marshal(q.body); err != nil {
			return err
		}
	}
	return until.Done(ctx, func() error {
		return c.Renewing(ctx, func() error { return c.send(ctx, q, data, out) }, func(err error) bool { return statusOf(err) == http.StatusUnauthorized })
	}, busyRule(), unreachedRule())
}

func (c *connection) send(ctx context.Context, q call, data []byte, out any) error {
	res, err := c.open(ctx, q, data)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return reaching(ctx, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", q.method, q.path, err)
	}
	return nil
}

// open makes a call once; the answer is a good one, and its body the caller's to close.
func (c *connection) open(ctx context.Context, q call, data []byte) (*http.Response, error) {
	address := c.Server() + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", cmp.Or(q.accept, "application/json"))
	req.Header.Set("User-Agent", "ferry")
	if data != nil {
		req.Header.Set("Content-Type", cmp.Or(q.media, "application/json"))
	}
	if err := c.Authorize(ctx, req.Header); err != nil {
		return nil, err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, reaching(ctx, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		defer res.Body.Close()
		return nil, refusalOf(res)
	}
	return res, nil
}

// find reads an object; one that is not there is nil.
func find[T any](ctx context.Context, c *connection, r resource, name string) (*T, error) {
	out := new(T)
	err := c.do(ctx, call{method: http.MethodGet, path: c.path(r, name)}, out)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// list reads the objects that have these labels.
func list[T any](ctx context.Context, c *connection, r resource, labels map[string]string) ([]T, error) {
	var out struct{ Items []T }
	err := c.do(ctx, call{method: http.MethodGet, path: c.path(r, ""), query: url.Values{"labelSelector": {selector(labels)}}}, &out)
	return out.Items, err
}

// create makes an object. The answer is what is there then.
func create[T any](ctx context.Context, c *connection, r resource, object *T) (*T, error) {
	out := new(T)
	err := c.do(ctx, call{method: http.MethodPost, path: c.path(r, ""), body: object}, out)
	return out, err
}

// deletion says which object is meant, and what becomes of those that it owns.
type deletion struct {
	Preconditions struct {
		UID             string `json:"uid,omitempty"`
		ResourceVersion string `json:"resourceVersion,omitempty"`
	} `json:"preconditions"`
	Propagation string `json:"propagationPolicy,omitempty"`
}

// How what an object owns goes: before it, or not at all.
const (
	foreground = "Foreground"
	orphan     = "Orphan"
)

// erase deletes an object as it was read. One that is gone is no error.
func (c *connection) erase(ctx context.Context, r resource, m meta, propagation string) error {
	d := deletion{Propagation: propagation}
	d.Preconditions.UID, d.Preconditions.ResourceVersion = m.UID, m.ResourceVersion
	err := c.do(ctx, call{method: http.MethodDelete, path: c.path(r, m.Name), body: d}, nil)
	if isNotFound(err) {
		return nil
	}
	return err
}

// edit is a change of an object that was read: the fields to be merged into it, besides its metadata; nil is that there is
// nothing to do.
type edit[T any] func(now *T) (*merge, error)

// merge is what is merged into an object. A nil value takes a label or an annotation away.
type merge struct {
	labels, annotations map[string]any
	spec                any
}

// kind is a pointer to one of the objects.
type kind[T any] interface {
	*T
	head() *object
}

// change reads an object, lets it be edited, and writes it under its resourceVersion in one conditional PATCH; what is not as it
// was read is read again, and the edit decides anew. An object that is not there is nil.
func change[T any, P kind[T]](ctx context.Context, c *connection, r resource, name string, e edit[T]) (P, error) {
	mine := nonce()
	var now P
	err := until.Done(ctx, func() error {
		var err error
		if now, err = find[T](ctx, c, r, name); err != nil || now == nil {
			return err
		}
		m := &now.head().meta
		if m.Annotations[noteWrite] == mine {
			return nil // the reply to it was lost
		}
		what, err := e(now)
		if err != nil || what == nil {
			return err
		}
		if what.annotations == nil {
			what.annotations = map[string]any{}
		}
		what.annotations[noteWrite] = mine
		body := map[string]any{"metadata": map[string]any{"resourceVersion": m.ResourceVersion, "annotations": what.annotations, "labels": what.labels}}
		if what.labels == nil {
			delete(body["metadata"].(map[string]any), "labels")
		}
		if what.spec != nil {
			body["spec"] = what.spec
		}
		now = new(T)
		return c.do(ctx, call{method: http.MethodPatch, path: c.path(r, name), media: "application/merge-patch+json", body: body}, now)
	}, racing())
	if err != nil {
		return nil, err
	}
	return now, nil
}

// gone waits until an object of that uid is not there any more.
func gone[T any, P kind[T]](ctx context.Context, c *connection, r resource, m meta) error {
	return until.True(ctx, working(m.Name+" to go"), func() (bool, error) {
		var now P
		now, err := find[T](ctx, c, r, m.Name)
		return err == nil && (now == nil || now.head().UID != m.UID), err
	})
}

// end deletes an object whatever has become of it since, as it is of controllers, and waits until it is gone.
func end[T any, P kind[T]](ctx context.Context, c *connection, r resource, m meta, propagation string) error {
	if err := c.erase(ctx, r, unversioned(m), propagation); err != nil {
		return err
	}
	return gone[T, P](ctx, c, r, m)
}

// unversioned is an object in whatever version it is.
func unversioned(m meta) meta {
	m.ResourceVersion = ""
	return m
}
