package knative

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/bucket"
)

// bucketStore is the store in the bucket that the target names. It is somebody's, and has to be there.
type bucketStore struct {
	*bucket.Bucket

	mu       sync.Mutex
	compares bool // once it is known
}

// inBucket opens it, with the credentials that AWS's own programs would take.
func (a *Adapter) inBucket(ctx context.Context) (providers.Store, error) {
	at := a.target.Store
	options := []func(*config.LoadOptions) error{
		config.WithRegion(cmp.Or(at.Region, a.variable("AWS_REGION"), "us-east-1")), config.WithAppID("ferry"),
		config.WithLogger(logging.Nop{}), // what the SDK would print to stderr
	}
	id, secret := a.variable("AWS_ACCESS_KEY_ID"), a.variable("AWS_SECRET_ACCESS_KEY")
	switch {
	case at.Profile != "":
		options = append(options, config.WithSharedConfigProfile(at.Profile))
	case id != "" && secret != "":
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, a.variable("AWS_SESSION_TOKEN"))))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, a.bucketFailed("open the store", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if at.Endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = &at.Endpoint, true
		}
	})
	return &bucketStore{Bucket: &bucket.Bucket{Client: client, Name: at.Bucket, Provider: name, Classify: a.bucketFailed}}, nil
}

// Put writes an object, where the bucket is known to compare before it writes.
func (s *bucketStore) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	if err := s.look(ctx); err != nil {
		return "", err
	}
	return s.Bucket.Put(ctx, key, body, c)
}

// look asks for a change of what there is not, once. What speaks S3 and takes no notice of conditions would say that it was made, and
// two deploys could hold the lock at once.
func (s *bucketStore) look(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compares {
		return nil
	}
	const key = "ferry-conditions"
	_, err := s.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Name, Key: aws.String(key), Body: strings.NewReader(""), IfMatch: aws.String(`"none"`)})
	switch status := bucket.StatusOf(err); {
	case err == nil:
		_, _ = s.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Name, Key: aws.String(key)}) // which is nothing of anybody's
		return &providers.Error{Kind: providers.Unsupported, Op: "store put", Provider: name, Hint: "choose a bucket that takes If-Match, or leave out store", Err: fmt.Errorf("the bucket %s takes no notice of conditions, by which deploys keep out of each other's way", s.Name)}
	case status == 412, bucket.CodeOf(err) == "NoSuchKey":
		s.compares = true
		return nil
	}
	return s.Classify("store put", fmt.Errorf("the bucket %s: %w", s.Name, err))
}

// bucketFailed gives a failure of the bucket its kind and its next step.
func (a *Adapter) bucketFailed(op string, err error) error {
	at := a.target.Store
	var e *providers.Error
	if !errors.As(a.classify(op, "", err), &e) {
		return nil
	}
	if e.Kind == providers.Failed && bucket.StatusOf(err) == 0 && !errors.Is(err, context.Canceled) {
		e.Kind = providers.Unavailable
		if strings.Contains(err.Error(), "credentials") {
			e.Kind = providers.Unauthenticated
		}
	}
	switch e.Kind {
	case providers.Unauthenticated, providers.Denied:
		e.Hint = "give credentials that may read, write and list the bucket: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or store.profile"
	case providers.NotFound:
		e.Hint = "make the bucket " + at.Bucket + ", or name another one: store.bucket"
	case providers.Unavailable:
		e.Hint = "see whether " + cmp.Or(at.Endpoint, "S3") + " is reached from here"
	}
	return e
}
