// Package bucket keeps the objects of a store in a bucket of S3, or of whatever else speaks S3 and compares before it writes.
package bucket

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
	"github.com/ferryfn/ferry/providers/until"
)

// Bucket keeps objects. A package goes in one request, so that it is there whole or not at all.
type Bucket struct {
	Client   *s3.Client
	Name     string
	Owner    string // the account that the bucket must be of, where accounts are known: its name can be guessed, and so be taken by another
	Provider string
	// Make makes the bucket when the first object is put; nil is that it has to be there.
	Make func(ctx context.Context) error
	// Classify gives a failure of a call its kind and its next step.
	Classify func(op string, err error) error
}

var _ providers.Store = (*Bucket)(nil)

// owner is nil where no account is known.
func (b *Bucket) owner() *string {
	if b.Owner == "" {
		return nil
	}
	return &b.Owner
}

func (b *Bucket) rules() cas.Rules { return cas.Rules{Provider: b.Provider} }

// Get opens an object. The SDK compares what is read with the checksum that the object was stored with.
func (b *Bucket) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	if err := b.rules().Admit(key); err != nil {
		return providers.Object{}, b.failed(op, key, err)
	}
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner(), ChecksumMode: types.ChecksumModeEnabled,
	})
	if isNotFound(err) && (b.Make != nil || CodeOf(err) != "NoSuchBucket") {
		return providers.Object{}, &providers.Error{
			Kind: providers.NotFound, Op: op, Provider: b.Provider,
			Err: providers.Reword(err, fmt.Sprintf("%s does not exist in the bucket %s", key, b.Name)),
		}
	}
	if err != nil {
		return providers.Object{}, b.failed(op, key, err)
	}
	return providers.Object{
		Body: cas.Body(out.Body, func(err error) error { return b.failed(op, key, err) }),
		Size: aws.ToInt64(out.ContentLength),
		Tag:  newTag(out.ETag, aws.ToString(out.ChecksumSHA256)),
	}, nil
}

// Has reports whether an object is known to be there. When that cannot be found out, writing it tells.
func (b *Bucket) Has(ctx context.Context, key string) bool {
	_, err := b.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner()})
	return err == nil
}

// Put writes an object, into a bucket that is made if need be.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	const op = "store put"
	if err := b.rules().Admit(key); err != nil {
		return "", b.failed(op, key, err)
	}
	sum, size, err := checksum(body)
	if err != nil {
		return "", b.failed(op, key, err)
	}
	in := &s3.PutObjectInput{
		Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner(), Body: body, ContentLength: &size,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumSHA256: &sum, IfMatch: entity(c.Tag),
	}
	if err := b.rules().Guarded(ctx, b, c.While); err != nil {
		return "", b.failed(op, key, err)
	}
	if c.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	var out *s3.PutObjectOutput
	put := func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		var err error
		out, err = b.Client.PutObject(ctx, in)
		return err
	}
	err = until.Done(ctx, put, racing())
	if CodeOf(err) == "NoSuchBucket" && c.Tag == "" && b.Make != nil {
		if err = b.Make(ctx); err == nil {
			err = until.Done(ctx, put, racing("NoSuchBucket")) // which is not known everywhere at once
		}
	}
	if err != nil {
		return "", b.failed(op, key, b.conflicting(key, c, err))
	}
	return newTag(out.ETag, sum), nil
}

// Delete removes an object.
func (b *Bucket) Delete(ctx context.Context, key string, c providers.Condition) error {
	const op = "store delete"
	if err := b.rules().Admit(key); err != nil {
		return b.failed(op, key, err)
	}
	if err := b.rules().Guarded(ctx, b, c.While); err != nil {
		return b.failed(op, key, err)
	}
	err := until.Done(ctx, func() error {
		_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, ExpectedBucketOwner: b.owner(), IfMatch: entity(c.Tag)})
		return err
	}, racing())
	if isNotFound(err) && c.Tag == "" {
		return nil
	}
	return b.failed(op, key, b.conflicting(key, c, err))
}

// List asks for the keys a thousand at a time.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(b.Client, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &prefix, ExpectedBucketOwner: b.owner()})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isNotFound(err) && b.Make != nil {
			return nil, nil
		}
		if err != nil {
			return nil, b.failed("store list", cmp.Or(prefix, b.Name), err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (b *Bucket) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return b.Classify(op, fmt.Errorf("%s in the bucket %s: %w", key, b.Name, err))
}

// conflicting makes a failed condition of the absence of an object that must have a tag.
func (b *Bucket) conflicting(key string, c providers.Condition, err error) error {
	if c.Tag != "" && isNotFound(err) {
		return b.rules().Holds(key, "", c)
	}
	return err
}

// raceTime is how long another write of the same object is waited for.
const raceTime = time.Second

// racing is for conditional writes that met another one: soon that one is done, and the condition decides. What else passes
// soon is named by its code.
func racing(codes ...string) until.Rule {
	return until.Rule{
		For: "another write to end", Within: raceTime, First: 100 * time.Millisecond, Most: time.Second,
		Passing: func(err error) bool {
			code := CodeOf(err)
			return code == "ConditionalRequestConflict" || slices.Contains(codes, code)
		},
	}
}

// CodeOf is what S3 calls an error, "" when it did not answer.
func CodeOf(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// StatusOf is the HTTP status of an answer of S3, 0 when there was none.
func StatusOf(err error) int {
	var res *smithyhttp.ResponseError
	if !errors.As(err, &res) {
		return 0
	}
	return res.HTTPStatusCode()
}

func isNotFound(err error) bool { return StatusOf(err) == http.StatusNotFound }

// newTag joins the entity tag, by which S3 compares, to the SHA-256 of the bytes. The entity tag alone does not
// promise that equal tags are equal bytes: it is an MD5, which can be made to collide, or for an encrypted object what
// S3 chooses. S3 refuses bytes that are not of the checksum, and keeps it beside them.
func newTag(etag *string, sum string) providers.Tag {
	tag := strings.Trim(aws.ToString(etag), `"`)
	if sum != "" {
		tag += " " + sum
	}
	return providers.Tag(tag)
}

// entity is the entity tag of a tag, nil of an empty one.
func entity(t providers.Tag) *string {
	if t == "" {
		return nil
	}
	etag, _, _ := strings.Cut(string(t), " ")
	return aws.String(`"` + etag + `"`)
}

// checksum reads all of the body, from its start.
func checksum(body io.ReadSeeker) (sum string, size int64, err error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), size, err
}
