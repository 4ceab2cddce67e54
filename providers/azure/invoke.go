package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Invoke calls what is live at its own address, with the app's key in a header. What an event calls has no address: its host is
// asked to run it, and says only that it will.
func (a *Adapter) Invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	res, err := c.invoke(ctx, fn, r)
	return res, a.classify("invoke", fn, err)
}

// KeyHeader is where Azure's host looks for the key of a private function.
func (a *Adapter) KeyHeader() string { return strings.ToLower(keyHeader) }

// Key is the one that Invoke sends: of the function's app and no other.
func (a *Adapter) Key(ctx context.Context, fn string) (string, error) {
	const op = "read the key of"
	c, err := a.connect(ctx)
	if err != nil {
		return "", err
	}
	at, err := c.app(fn)
	if err != nil {
		return "", err
	}
	keys, err := c.hostKeys(ctx, at.name)
	if err == nil && keys.own() == "" {
		err = fail(providers.NotFound, op, fn, "make one with `az functionapp keys set --key-type functionKeys --key-name default`", "the app %s has no key named default", at.name)
	}
	return keys.own(), a.classify(op, fn, err)
}

func (c *connection) invoke(ctx context.Context, fn string, r providers.Request) (providers.Response, error) {
	at, err := c.app(fn)
	if err != nil {
		return providers.Response{}, err
	}
	s, err := c.site(ctx, at.name)
	if err != nil {
		return providers.Response{}, err
	}
	if s == nil || !c.owns(s.Tags, fn) {
		return providers.Response{}, fail(providers.NotFound, "invoke", fn, "deploy it first", "nothing is live")
	}
	keys, err := c.hostKeys(ctx, at.name)
	if err != nil {
		return providers.Response{}, err
	}
	req, err := at.request(ctx, s.Properties.DefaultHostName, r, keys)
	if err != nil {
		return providers.Response{}, err
	}
	began := time.Now()
	res, err := c.plain.Do(req)
	if err != nil {
		return providers.Response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	out := providers.Response{Status: res.StatusCode, Header: res.Header, Body: body, Seconds: time.Since(began).Seconds()}
	if r.Method == "" && res.StatusCode == http.StatusAccepted {
		out.Status = http.StatusNoContent
	}
	return out, err
}

// request is the call of a function over HTTP, or what has its host run the function of an event.
func (a *app) request(ctx context.Context, host string, r providers.Request, keys hostKeys) (*http.Request, error) {
	if r.Method != "" {
		req, err := http.NewRequestWithContext(ctx, r.Method, "https://"+host+r.Path, bytes.NewReader(r.Body))
		if err != nil {
			return nil, err
		}
		for name, values := range r.Header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
		if key := keys.own(); req.Header.Get(keyHeader) == "" && key != "" {
			req.Header.Set(keyHeader, key)
		}
		return req, nil
	}
	if r.Event == nil {
		return nil, fail(providers.Unsupported, "invoke", a.function, "name one of the function's events with --event", "Azure's host runs functions for events only, and none was named")
	}
	body, err := json.Marshal(map[string]string{"input": input(r)})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/admin/functions/"+triggerOf(r.Event), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(keyHeader, keys.MasterKey)
	return req, nil
}

// triggerOf is the name of the function that an event calls.
func triggerOf(e *providers.BoundEvent) string {
	schedules, queues := 0, 0
	for _, other := range e.Function.Events {
		switch {
		case other.Schedule != nil:
			if other.Schedule == e.Schedule || e.Schedule != nil && *other.Schedule == *e.Schedule {
				return "schedule" + strconv.Itoa(schedules)
			}
			schedules++
		case other.Queue != nil:
			if e.Queue != nil && *other.Queue == *e.Queue {
				return "queue" + strconv.Itoa(queues)
			}
			queues++
		}
	}
	return pushedFunction
}

// input is what the host hands the function as what came from where the event is of.
func input(r providers.Request) string {
	e := r.Event
	moment := time.Now().UTC().Format(time.RFC3339Nano)
	switch {
	case e.Queue != nil:
		return string(r.Body)
	case e.Topic != nil, e.Object != nil:
		event := map[string]any{"id": newGUID(), "eventTime": moment, "dataVersion": "1", "metadataVersion": "1", "topic": "", "subject": "ferry", "eventType": "ferry.invoke", "data": string(r.Body)}
		if json.Valid(r.Body) {
			event["data"] = json.RawMessage(r.Body)
		}
		if e.Object != nil {
			o := r.Object()
			event["subject"] = "/blobServices/default/containers/" + o.Bucket + "/blobs/" + o.Key
			event["eventType"] = map[string]string{"created": "Microsoft.Storage.BlobCreated", "deleted": "Microsoft.Storage.BlobDeleted"}[e.Object.On[0]]
			event["data"] = map[string]any{"contentLength": o.Size, "eTag": o.ETag}
		}
		data, err := json.Marshal(event)
		if err != nil {
			return ""
		}
		return string(data)
	}
	return ""
}
