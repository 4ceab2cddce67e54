package aws

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
	"github.com/ferryfn/ferry/providers/until"
)

// tagStore marks a bucket that ferry made, so that it may take it away.
const tagStore = "ferry:store"

// store keeps objects in a bucket. A package goes in one request, so that it is there whole or not at all. Every call
// names the account that the bucket must be of: the bucket's name can be guessed, and so be taken by another.
type store struct {
	*connection
	bucket string
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

func (c *connection) storeIn() *store {
	return &store{connection: c, bucket: c.bucketName()}
}

// bucketName is of the account and region: all services and stages share the bucket.
func (c *connection) bucketName() string {
	return cmp.Or(c.target.Bucket, "ferry-"+c.account+"-"+c.region)
}

// Get opens an object. The SDK compares what is read with the checksum that the object was stored with.
func (s *store) Get(ctx context.Context, key string) (providers.Object, error) {
	const op = "store get"
	if err := rules().Admit(key); err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key, ExpectedBucketOwner: &s.account, ChecksumMode: types.ChecksumModeEnabled,
	})
	if isNotFound(err) {
		return providers.Object{}, &providers.Error{
			Kind: providers.NotFound, Op: op, Provider: name,
			Err: &told{text: fmt.Sprintf("%s does not exist in the bucket %s", key, s.bucket), err: err},
		}
	}
	if err != nil {
		return providers.Object{}, s.failed(op, key, err)
	}
	return providers.Object{
		Body: &body{out.Body, func(err error) error { return s.failed(op, key, err) }},
		Size: aws.ToInt64(out.ContentLength),
		Tag:  newTag(out.ETag, aws.ToString(out.ChecksumSHA256)),
	}, nil
}

// has reports whether an object is known to be there. When that cannot be found out, writing it tells.
func (s *store) has(ctx context.Context, key string) bool {
	_, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, ExpectedBucketOwner: &s.account})
	return err == nil
}

// Put writes an object, into a bucket that is made if need be.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	const op = "store put"
	if err := rules().Admit(key); err != nil {
		return "", s.failed(op, key, err)
	}
	sum, size, err := checksum(body)
	if err != nil {
		return "", s.failed(op, key, err)
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, ExpectedBucketOwner: &s.account, Body: body, ContentLength: &size,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumSHA256: &sum, IfMatch: entity(c.Tag),
	}
	if err := rules().Guarded(ctx, s, c.While); err != nil {
		return "", s.failed(op, key, err)
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
		out, err = s.s3.PutObject(ctx, in)
		return err
	}
	err = until.Done(ctx, put, racing())
	if bucketIsMissing(err) && c.Tag == "" {
		if err = s.make(ctx); err == nil {
			err = until.Done(ctx, put, racing("NoSuchBucket")) // which is not known everywhere at once
		}
	}
	if err != nil {
		return "", s.failed(op, key, conflicting(key, c, err))
	}
	return newTag(out.ETag, sum), nil
}

// Delete removes an object.
func (s *store) Delete(ctx context.Context, key string, c providers.Condition) error {
	const op = "store delete"
	if err := rules().Admit(key); err != nil {
		return s.failed(op, key, err)
	}
	if err := rules().Guarded(ctx, s, c.While); err != nil {
		return s.failed(op, key, err)
	}
	err := until.Done(ctx, func() error {
		_, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: &s.bucket, Key: &key, ExpectedBucketOwner: &s.account, IfMatch: entity(c.Tag),
		})
		return err
	}, racing())
	if isNotFound(err) && c.Tag == "" {
		return nil
	}
	return s.failed(op, key, conflicting(key, c, err))
}

// List asks for the keys a thousand at a time.
func (s *store) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{
		Bucket: &s.bucket, Prefix: &prefix, ExpectedBucketOwner: &s.account,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, s.failed("store list", cmp.Or(prefix, s.bucket), err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Dispose takes the bucket away if ferry made it and nothing is left in it.
func (s *store) Dispose(ctx context.Context) error {
	tagging, err := s.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &s.bucket, ExpectedBucketOwner: &s.account})
	if isNotFound(err) { // the bucket, or its tags
		return nil
	}
	if err == nil && slices.ContainsFunc(tagging.TagSet, func(t types.Tag) bool { return aws.ToString(t.Key) == tagStore }) {
		_, err = s.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &s.bucket, ExpectedBucketOwner: &s.account})
	}
	if code, _ := codeOf(err); code == "BucketNotEmpty" || isNotFound(err) {
		return nil
	}
	return s.failed("dispose of the store", s.bucket, err)
}

// make makes the bucket. Others may do so at the same time, and all is repeated safely.
func (s *store) make(ctx context.Context) error {
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	if s.region != "us-east-1" { // which cannot be named
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.region)}
	}
	if _, err := s.s3.CreateBucket(ctx, in); err != nil && !isAlreadyExists(err) {
		return err
	}
	if _, err := s.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &s.bucket, ExpectedBucketOwner: &s.account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
			IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	}); err != nil {
		return err
	}
	_, err := s.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
		Bucket: &s.bucket, ExpectedBucketOwner: &s.account,
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String(tagStore), Value: aws.String("true")}}},
	})
	return err
}

func (s *store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	return s.classify(op, "", fmt.Errorf("%s in the bucket %s: %w", key, s.bucket, err))
}

func rules() cas.Rules { return cas.Rules{Provider: name} }

// conflicting makes a failed condition of the absence of an object that must have a tag.
func conflicting(key string, c providers.Condition, err error) error {
	if c.Tag != "" && isNotFound(err) {
		return rules().Holds(key, "", c)
	}
	return err
}

func bucketIsMissing(err error) bool {
	code, _ := codeOf(err)
	return code == "NoSuchBucket"
}

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

// body gives the failures of reading on their kind.
type body struct {
	io.ReadCloser
	failed func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.failed(err)
	}
	return n, err
}
