package gcp

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/api/googleapi"
	storage "google.golang.org/api/storage/v1"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
	"github.com/ferryfn/ferry/providers/until"
)

// labelStore marks a bucket that ferry made, so that it may take it away.
const labelStore = ours + "store"

// store keeps objects in a bucket. A write's condition is the generation of the object, which is its tag: each write has
// another one. A package goes in one request, so that it is there whole or not at all.
type store struct {
	*connection
	bucket string

	mu    sync.Mutex
	known bool // the bucket is of this project
}

var (
	_ providers.Store    = (*store)(nil)
	_ providers.Disposer = (*store)(nil)
)

// Store is the bucket of the target. The first Put makes it.
func (a *Adapter) Store(ctx context.Context) (providers.Store, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.storeIn(), nil
}

// storeIn is the one store of a connection, which asks once whose the bucket is.
func (c *connection) storeIn() *store { return c.objects }

func (c *connection) newStore() *store {
	return &store{connection: c, bucket: cmp.Or(c.target.Bucket, "ferry-"+c.target.Project+"-"+c.target.Region)}
}

// Get opens an object. What is read is compared with the checksum that Google keeps of it. Whose the bucket is, is asked meanwhile,
// and counts first.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	if err := rules().Admit(key); err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	var admitted error
	var asked sync.WaitGroup
	asked.Go(func() { admitted = s.ownBucket(ctx) })
	res, err := s.storage.Objects.Get(s.bucket, key).Context(ctx).Download()
	if asked.Wait(); admitted != nil {
		if err == nil {
			_ = res.Body.Close() // nobody reads it
		}
		return providers.Object{}, s.failed(op, key, admitted)
	}
	if isNotFound(err) {
		return providers.Object{}, &providers.Error{
			Kind: providers.NotFound, Op: op, Provider: name,
			Err: providers.Reword(err, fmt.Sprintf("%s does not exist in the bucket %s", key, s.bucket)),
		}
	}
	if err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	return providers.Object{
		Body: &body{ReadCloser: res.Body, sum: crc32.New(castagnoli()), want: checksumOf(res.Header), failed: func(err error) error { return s.failed(op, key, err) }},
		Size: res.ContentLength,
		Tag:  providers.Tag(res.Header.Get("X-Goog-Generation")),
	}, nil
}

// Put writes an object, into a bucket that is made if need be.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	const op = "store put"
	if err := s.admit(ctx, key); err != nil {
		return "", s.failed(op, key, err)
	}
	generation, limited, err := condition(key, c)
	if err == nil {
		err = rules().Guarded(ctx, s, c.While)
	}
	if err != nil {
		return "", s.failed(op, key, err)
	}
	sum, err := checksum(body)
	if err != nil {
		return "", s.failed(op, key, err)
	}
	var out *storage.Object
	put := func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		call := s.storage.Objects.Insert(s.bucket, &storage.Object{Name: key, Crc32c: sum}).Context(ctx).
			Media(body, googleapi.ChunkSize(0), googleapi.ContentType("application/octet-stream"))
		if limited {
			call.IfGenerationMatch(generation)
		}
		var err error
		out, err = call.Do()
		return err
	}
	err = until.Done(ctx, put, sendingRule())
	if isNotFound(err) && c.Tag == "" {
		if err = s.make(ctx); err == nil {
			err = until.Done(ctx, put, sendingRule())
		}
	}
	if err != nil {
		return "", s.failed(op, key, conflicting(key, c, err))
	}
	return providers.Tag(strconv.FormatInt(out.Generation, 10)), nil
}

// Delete removes an object.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	const op = "store delete"
	if err := s.admit(ctx, key); err != nil {
		return s.failed(op, key, err)
	}
	generation, limited, err := condition(key, c)
	if err == nil {
		err = rules().Guarded(ctx, s, c.While)
	}
	if err != nil {
		return s.failed(op, key, err)
	}
	call := s.storage.Objects.Delete(s.bucket, key).Context(ctx)
	if limited {
		call.IfGenerationMatch(generation)
	}
	err = call.Do()
	if isNotFound(err) && c.Tag == "" {
		return nil
	}
	return s.failed(op, key, conflicting(key, c, err))
}

// List asks for the keys a thousand at a time.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	op, at := "store list", cmp.Or(prefix, s.bucket)
	if err := s.ownBucket(ctx); err != nil {
		return nil, s.failed(op, at, err)
	}
	var keys []string
	for page := ""; ; {
		out, err := s.storage.Objects.List(s.bucket).Prefix(prefix).PageToken(page).Fields("items/name", "nextPageToken").Context(ctx).Do()
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, s.failed(op, at, err)
		}
		for _, o := range out.Items {
			keys = append(keys, o.Name)
		}
		if page = out.NextPageToken; page == "" {
			slices.Sort(keys)
			return keys, nil
		}
	}
}

// Dispose takes the bucket away if ferry made it and nothing is left in it.
func (s *store) Dispose(ctx context.Context) error {
	const op = "dispose of the store"
	found, err := s.look(ctx)
	if isNotFound(err) {
		return nil
	}
	if err == nil && found.Labels[labelStore] != "" {
		err = s.storage.Buckets.Delete(s.bucket).Context(ctx).Do()
	}
	if statusOf(err) == http.StatusConflict || isNotFound(err) { // it is not empty, or somebody was faster
		return nil
	}
	return s.failed(op, s.bucket, err)
}

// make makes the bucket. Others may do so at the same time.
func (s *store) make(ctx context.Context) error {
	_, err := s.storage.Buckets.Insert(s.target.Project, &storage.Bucket{
		Name: s.bucket, Location: s.target.Region, Labels: map[string]string{labelStore: "true"},
		IamConfiguration: &storage.BucketIamConfiguration{
			PublicAccessPrevention:   "enforced",
			UniformBucketLevelAccess: &storage.BucketIamConfigurationUniformBucketLevelAccess{Enabled: true},
		},
	}).Context(ctx).Do()
	if statusOf(err) == http.StatusConflict {
		s.forget()
		return s.ownBucket(ctx) // else its name is somebody else's
	}
	return err
}

// admit refuses what is no key, and a bucket that is not the project's.
func (s *store) admit(ctx context.Context, key string) error {
	if err := rules().Admit(key); err != nil {
		return err
	}
	return s.ownBucket(ctx)
}

// ownBucket refuses a bucket of another project, once: all the world shares the names of buckets, and ferry's own can be
// guessed. One that the manifest names is the one that is meant.
func (s *store) ownBucket(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known || s.target.Bucket != "" {
		return nil
	}
	found, err := s.look(ctx)
	if isNotFound(err) {
		return nil // it may be made
	}
	if err != nil {
		return err
	}
	if strconv.FormatUint(found.ProjectNumber, 10) != s.number {
		return &providers.Error{
			Kind: providers.Foreign, Op: "look at the store", Provider: name, Hint: "name a bucket of your own: targets." + s.targetName + ".bucket",
			Err: fmt.Errorf("the bucket %s belongs to another project", s.bucket),
		}
	}
	s.known = true
	return nil
}

func (s *store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = false
}

func (s *store) look(ctx context.Context) (*storage.Bucket, error) {
	return s.storage.Buckets.Get(s.bucket).Context(ctx).Do()
}

func (s *store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return s.classify(op, "", fmt.Errorf("%s in the bucket %s: %w", key, s.bucket, err))
}

func rules() cas.Rules { return cas.Rules{Provider: name} }

// condition is what a write asks of the object's generation; 0 is that there is none.
func condition(key string, c providers.Condition) (generation int64, limited bool, err error) {
	if c.Absent || c.Tag == "" {
		return 0, c.Absent, nil
	}
	generation, err = strconv.ParseInt(string(c.Tag), 10, 64)
	if err != nil || generation <= 0 {
		return 0, false, rules().Conflict(key, "has another tag")
	}
	return generation, true, nil
}

// conflicting makes a failed condition of the refusal of a write that had one.
func conflicting(key string, c providers.Condition, err error) error {
	switch {
	case statusOf(err) == http.StatusPreconditionFailed && c.Absent:
		return rules().Conflict(key, "exists")
	case statusOf(err) == http.StatusPreconditionFailed:
		return rules().Conflict(key, "was changed")
	case isNotFound(err) && c.Tag != "":
		return rules().Conflict(key, "is gone")
	}
	return err
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// checksum reads all of the body, from its start.
func checksum(body io.ReadSeeker) (string, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h := crc32.New(castagnoli())
	_, err := io.Copy(h, body)
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, h.Sum32())), err
}

// checksumOf is the checksum of an object that is sent, "" when Google tells none.
func checksumOf(h http.Header) string {
	for _, all := range h.Values("X-Goog-Hash") {
		for one := range strings.SplitSeq(all, ",") {
			if sum, ok := strings.CutPrefix(strings.TrimSpace(one), "crc32c="); ok {
				return sum
			}
		}
	}
	return ""
}

// body gives the failures of reading on their kind, and bytes that are not those of the checksum are one.
type body struct {
	io.ReadCloser
	sum    hash.Hash32
	want   string
	failed func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	_, _ = b.sum.Write(p[:n]) // which never fails
	switch {
	case errors.Is(err, io.EOF) && b.want != "" && b.want != base64.StdEncoding.EncodeToString(b.sum.Sum(nil)):
		err = b.failed(&providers.Error{Kind: providers.Unavailable, Op: "store get", Provider: name, Hint: "try again", Err: errors.New("what arrived is not what is stored")})
	case err != nil && !errors.Is(err, io.EOF):
		err = b.failed(err)
	}
	return n, err
}
