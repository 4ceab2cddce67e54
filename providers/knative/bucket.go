package knative

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/bucket"
)

// inBucket opens the bucket that the target names, which is somebody's and has to be there, with the credentials that AWS's own programs would take.
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
	return &bucket.Doubted{Bucket: &bucket.Bucket{Client: client, Name: at.Bucket, Provider: name, Classify: a.bucketFailed}}, nil
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
