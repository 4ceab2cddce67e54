package knative

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
)

// store keeps objects in ConfigMaps, whose resourceVersion is the tag: Kubernetes compares and writes in one step. What is
// larger than a ConfigMap should be, as packages are, lies in the registry by its digest, and its ConfigMap names it.
type store struct{ *connection }

var _ providers.Store = (*store)(nil)

const (
	largest   = 256 << 10 // bytes that lie in a ConfigMap itself
	keyObject = "object"
	labelKept = ours + "store"
	noteKey   = ours + "key"
	noteBlob  = ours + "artifact" // where the bytes are in the registry
	noteSize  = ours + "size"
)

// Store is in the bucket that the target names, else in the namespace and the registry.
func (a *Adapter) Store(ctx context.Context) (providers.Store, error) {
	if a.target.Store != nil {
		return a.inBucket(ctx)
	}
	return with(ctx, a, "store", "", func(c *connection) (providers.Store, error) { return &store{c}, nil })
}

func rules() cas.Rules { return cas.Rules{Provider: name} }

// holder is the name of the ConfigMap of a key.
func holder(key string) string { return "ferry-" + short(key) }

// find reads the ConfigMap of a key; nil is that there is none.
func (s *store) find(ctx context.Context, key string) (*configMap, error) {
	if err := rules().Admit(key); err != nil {
		return nil, err
	}
	found, err := find[configMap](ctx, s.connection, configMaps, holder(key))
	if err == nil && found != nil && found.Annotations[noteKey] != key {
		return nil, fail(providers.Foreign, "store", "", "", "the ConfigMap %s is not ferry's", found.Name)
	}
	return found, err
}

// Get opens an object.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	found, err := s.find(ctx, key)
	if err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	if found == nil {
		return providers.Object{}, fail(providers.NotFound, op, "", "", "%s does not exist in the namespace %s", key, s.namespace)
	}
	o := providers.Object{Tag: providers.Tag(found.ResourceVersion), Size: int64(len(found.Data[keyObject])), Body: io.NopCloser(bytes.NewReader(found.Data[keyObject]))}
	if at := found.Annotations[noteBlob]; at != "" {
		if o.Size, err = strconv.ParseInt(found.Annotations[noteSize], 10, 64); err == nil {
			o.Body, err = s.registries().Artifact(ctx, at)
		}
	}
	return o, s.failed(op, key, err)
}

// Put writes an object. What goes into the registry is there before it is named.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	const op = "store put"
	now, err := s.allowed(ctx, key, c)
	if err != nil {
		return "", s.failed(op, key, err)
	}
	next, err := s.object(ctx, key, body)
	if err != nil {
		return "", s.failed(op, key, err)
	}
	var out *configMap
	for {
		if now == nil {
			out, err = create(ctx, s.connection, configMaps, next)
		} else {
			next.ResourceVersion = now.ResourceVersion
			out = new(configMap)
			err = s.do(ctx, call{method: http.MethodPut, path: s.path(configMaps, next.Name), body: next}, out)
		}
		unconditional := !c.Absent && c.Tag == ""
		if !unconditional || statusOf(err) != http.StatusConflict && (now == nil || !isNotFound(err)) {
			break
		}
		if now, err = s.allowed(ctx, key, c); err != nil { // another write came before, which this one replaces
			break
		}
		next.ResourceVersion = ""
	}
	if err != nil {
		return "", s.failed(op, key, conflicting(key, c, err))
	}
	if now != nil {
		s.drop(ctx, now, next)
	}
	return providers.Tag(out.ResourceVersion), nil
}

// allowed is what is there of a key, where the condition of a write holds.
func (s *store) allowed(ctx context.Context, key string, c providers.Condition) (*configMap, error) {
	now, err := s.find(ctx, key)
	if err == nil {
		err = rules().Guarded(ctx, s, c.While)
	}
	if err != nil {
		return nil, err
	}
	has := providers.Tag("")
	if now != nil {
		has = providers.Tag(now.ResourceVersion)
	}
	return now, rules().Holds(key, has, c)
}

// object is the ConfigMap of what is to be kept under a key.
func (s *store) object(ctx context.Context, key string, body io.ReadSeeker) (*configMap, error) {
	m := &configMap{object: of(configMaps, holder(key), map[string]string{labelKept: "true"})}
	m.Annotations = map[string]string{noteKey: key}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	if size > largest {
		at, err := s.registries().Keep(ctx, s.target.Registry+"/ferry-store", key, body)
		m.Annotations[noteBlob], m.Annotations[noteSize] = at, strconv.FormatInt(size, 10)
		return m, err
	}
	data, err := io.ReadAll(body)
	m.Data = map[string][]byte{keyObject: data}
	return m, err
}

// drop takes an artifact away that nothing names any more. What a registry keeps nevertheless is in nobody's way.
func (s *store) drop(ctx context.Context, old, next *configMap) {
	at := old.Annotations[noteBlob]
	if at == "" || next != nil && next.Annotations[noteBlob] == at {
		return
	}
	_ = s.registries().Delete(ctx, at)
}

// Delete removes an object as it was read.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	const op = "store delete"
	now, err := s.allowed(ctx, key, c)
	if err != nil || now == nil {
		return s.failed(op, key, err)
	}
	m := now.meta
	if c.Tag == "" {
		m = unversioned(m)
	}
	if err := s.erase(ctx, configMaps, m, ""); err != nil {
		return s.failed(op, key, conflicting(key, c, err))
	}
	s.drop(ctx, now, nil)
	return nil
}

// List asks for the metadata of the objects alone.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	var out struct {
		Items []object
	}
	err := s.do(ctx, call{
		method: http.MethodGet, path: s.path(configMaps, ""), query: url.Values{"labelSelector": {labelKept + "=true"}},
		accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
	}, &out)
	var keys []string
	for _, m := range out.Items {
		if key := m.Annotations[noteKey]; key != "" && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, s.failed("store list", prefix, err)
}

func (s *store) failed(op, key string, err error) error {
	var done *providers.Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	return s.classify(op, "", fmt.Errorf("%s in the namespace %s: %w", key, s.namespace, err))
}

// conflicting makes a failed condition of the refusal of a write that had one.
func conflicting(key string, c providers.Condition, err error) error {
	switch {
	case statusOf(err) == http.StatusConflict && c.Absent:
		return rules().Conflict(key, "exists")
	case statusOf(err) == http.StatusConflict:
		return rules().Conflict(key, "was changed")
	case isNotFound(err) && c.Tag != "":
		return rules().Conflict(key, "is gone")
	}
	return err
}
