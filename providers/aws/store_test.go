package aws

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

func openStore(t *testing.T, env func(string) (string, bool), block string) *store {
	t.Helper()
	s, err := newTestAdapter(t, env, block).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.(*store)
}

func TestTheStoreKeepsItsContractOnMoto(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providers.Store { return openStore(t, motoEnv(t), bucketBlock(t)) })
}

func TestTheFirstPutMakesABucketThatNobodyElseSees(t *testing.T) {
	s := openStore(t, motoEnv(t), bucketBlock(t))
	if keys, err := s.List(t.Context(), ""); err != nil || len(keys) > 0 {
		t.Fatalf("a bucket that does not exist lists %v, %v", keys, err)
	}
	if err := errors.Join(s.Dispose(t.Context()), s.Delete(t.Context(), "a", providers.Condition{})); err != nil {
		t.Error(err)
	}
	head := &s3.HeadBucketInput{Bucket: &s.bucket}
	if _, err := s.s3.HeadBucket(t.Context(), head); !isNotFound(err) {
		t.Fatalf("reading made the bucket: %v", err)
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfTag("x")); !errors.Is(err, providers.Conflict) {
		t.Errorf("want a conflict, got %v", err)
	}
	if _, err := s.s3.HeadBucket(t.Context(), head); !isNotFound(err) {
		t.Fatalf("a write that must fail made the bucket: %v", err)
	}
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("one"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	where, err := s.s3.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &s.bucket})
	if err != nil || where.LocationConstraint != types.BucketLocationConstraintEuWest1 {
		t.Errorf("the bucket is in %q, %v", where.LocationConstraint, err)
	}
	block, err := s.s3.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &s.bucket})
	if err != nil {
		t.Fatal(err)
	}
	if c := block.PublicAccessBlockConfiguration; !aws.ToBool(c.BlockPublicAcls) || !aws.ToBool(c.BlockPublicPolicy) ||
		!aws.ToBool(c.IgnorePublicAcls) || !aws.ToBool(c.RestrictPublicBuckets) {
		t.Errorf("the public is let in: %+v", c)
	}
}

func TestDisposingTakesAwayTheEmptyBucketThatFerryMade(t *testing.T) {
	s := openStore(t, motoEnv(t), bucketBlock(t))
	if _, err := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	head := &s3.HeadBucketInput{Bucket: &s.bucket}
	if err := s.Dispose(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.s3.HeadBucket(t.Context(), head); err != nil {
		t.Fatalf("a bucket that holds something is gone: %v", err)
	}
	if err := errors.Join(s.Delete(t.Context(), "a", providers.Condition{}), s.Dispose(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.s3.HeadBucket(t.Context(), head); !isNotFound(err) {
		t.Fatalf("the bucket is left: %v", err)
	}
}

func TestDisposingLeavesABucketThatFerryDidNotMake(t *testing.T) {
	s := openStore(t, motoEnv(t), bucketBlock(t))
	if _, err := s.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &s.bucket,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Dispose(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		t.Errorf("the bucket is gone: %v", err)
	}
}

func TestALargePackageArrivesWhole(t *testing.T) {
	const size = 60 << 20
	s := openStore(t, motoEnv(t), bucketBlock(t))
	file, err := os.Create(t.TempDir() + "/package.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	tag, err := s.Put(t.Context(), "artifacts/sha256/large.zip", file, providers.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(t.Context(), "artifacts/sha256/large.zip")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, o.Body)
	if err := errors.Join(err, o.Body.Close()); err != nil || n != size || o.Size != size || o.Tag != tag {
		t.Errorf("of %d bytes %d came back, size %d, tag %q instead of %q: %v", size, n, o.Size, o.Tag, tag, err)
	}
}
