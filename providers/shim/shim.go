// Package shim speaks over HTTP with the entry that ferry packs with a function: it has it say its digest, and hands it events.
package shim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
)

// instance is the header with the word by which a shim knows who may ask it.
const instance = "Ferry-Instance"

// Send sends a request to whoever listens at an address, by another name where its header has a Host.
func Send(ctx context.Context, client *http.Client, at string, r providers.Request) (providers.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(at, "/")+"/"+strings.TrimPrefix(r.Path, "/"), bytes.NewReader(r.Body))
	if err != nil {
		return providers.Response{}, err
	}
	maps.Copy(req.Header, r.Header)
	req.Host = cmp.Or(req.Header.Get("Host"), req.Host)
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return providers.Response{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return providers.Response{Status: res.StatusCode, Header: res.Header, Body: body, Seconds: time.Since(began).Seconds()}, err
}

// With is a request with a header more.
func With(r providers.Request, name, value string) providers.Request {
	header := http.Header{}
	maps.Copy(header, r.Header)
	header.Set(name, value)
	r.Header = header
	return r
}

// Digest has whoever listens at an address say its digest, which only the shim does that has this word; of others it is "".
func Digest(ctx context.Context, client *http.Client, at, word string, header http.Header) (digest string, status int, err error) {
	res, err := Send(ctx, client, at, With(providers.Request{Method: http.MethodGet, Path: "/.ferry/probe", Header: header}, instance, word))
	var said struct{ Digest string }
	_ = json.Unmarshal(res.Body, &said) // another answer says no digest
	return said.Digest, res.Status, err
}

// Event is the request that brings an event to the shim that has this word: a CloudEvent in JSON, with an id of its own.
func Event(r providers.Request, word, source string) (providers.Request, error) {
	body, err := r.Structured(strings.ToLower(rand.Text()), source, time.Now())
	header := http.Header{"Content-Type": {"application/cloudevents+json"}, instance: {word}}
	return providers.Request{Method: http.MethodPost, Path: "/.ferry/event", Header: header, Body: body}, err
}

// Probe is that of a revision.
type Probe struct {
	Provider, Function string
	Revision           providers.Revision
	// Ask has the revision say its digest.
	Ask func() (digest string, status int, err error)
	// Starts is asked when the revision answers otherwise: it may have turned out since that it does not start.
	Starts func() error
}

// Done asks until the revision has answered with its digest. One that has another digest is wrong for good.
func (p Probe) Done(ctx context.Context, rule until.Rule) error {
	var wrong *providers.Error
	err := until.True(ctx, rule, func() (bool, error) {
		digest, status, err := p.Ask()
		if err != nil {
			return false, err
		}
		wrong = &providers.Error{
			Kind: providers.Unhealthy, Op: "probe", Provider: p.Provider, Function: p.Function,
			Err: fmt.Errorf("the revision %s answers with status %d", p.Revision.ID, status),
		}
		if status == http.StatusOK && digest != p.Revision.Digest {
			wrong.Err = fmt.Errorf("the revision %s answers with the digest %q in place of %s", p.Revision.ID, digest, p.Revision.Digest)
			return false, wrong
		}
		if status != http.StatusOK {
			return false, p.Starts()
		}
		return true, nil
	})
	var late *until.Late
	if errors.As(err, &late) && wrong != nil {
		return wrong
	}
	return err
}
