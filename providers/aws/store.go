package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/bucket"
)

// tagStore marks a bucket that ferry made, so that it may take it away.
const tagStore = "ferry:store"

// store is the bucket that all services and stages of an account and region share.
type store struct {
	*bucket.Bucket
	*connection
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
	s := &store{connection: c}
	s.Bucket = &bucket.Bucket{Client: c.s3, Name: c.bucketName(), Owner: c.account, Provider: name, Make: s.make, Classify: func(op string, err error) error {
		return c.classify(op, "", err)
	}}
	return s
}

// bucketName is of the account and region: all services and stages share the bucket.
func (c *connection) bucketName() string {
	return cmp.Or(c.target.Bucket, "ferry-"+c.account+"-"+c.region)
}

// Dispose takes the bucket away if ferry made it and nothing is left in it.
func (s *store) Dispose(ctx context.Context) error {
	tagging, err := s.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &s.Name, ExpectedBucketOwner: &s.account})
	if isNotFound(err) { // the bucket, or its tags
		return nil
	}
	if err == nil && slices.ContainsFunc(tagging.TagSet, func(t types.Tag) bool { return aws.ToString(t.Key) == tagStore }) {
		_, err = s.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &s.Name, ExpectedBucketOwner: &s.account})
	}
	if code, _ := codeOf(err); code == "BucketNotEmpty" || isNotFound(err) {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("the bucket %s: %w", s.Name, err)
	}
	return s.classify("dispose of the store", "", err)
}

// make makes the bucket. Others may do so at the same time, and all is repeated safely.
func (s *store) make(ctx context.Context) error {
	in := &s3.CreateBucketInput{Bucket: &s.Name}
	if s.region != "us-east-1" { // which cannot be named
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.region)}
	}
	if _, err := s.s3.CreateBucket(ctx, in); err != nil && !isAlreadyExists(err) {
		return err
	}
	if _, err := s.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &s.Name, ExpectedBucketOwner: &s.account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
			IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	}); err != nil {
		return err
	}
	_, err := s.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
		Bucket: &s.Name, ExpectedBucketOwner: &s.account,
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String(tagStore), Value: aws.String("true")}}},
	})
	return err
}
