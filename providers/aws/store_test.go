package aws

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

func openStore(t testing.TB, env environment, block string) *store {
	t.Helper()
	s, err := newTestAdapter(t, env, block).Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.(*store)
}

func TestTheStoreKeepsItsContractOnMoto(t *testing.T) {
	t.Parallel()
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		return providertest.StorePlace{Store: &oneByOne{Store: openStore(t, motoEnv(t), bucketBlock(t))}}
	})
}

// oneByOne lets one write at a time through: moto looks at a condition and writes in two steps, so that of several
// writers more than one may win there.
type oneByOne struct {
	providers.Store
	mu sync.Mutex
}

func (o *oneByOne) Put(ctx context.Context, key string, body io.ReadSeeker, c providers.Condition) (providers.Tag, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Store.Put(ctx, key, body, c)
}

func (o *oneByOne) Delete(ctx context.Context, key string, c providers.Condition) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Store.Delete(ctx, key, c)
}

func TestTheFirstPutMakesABucketThatNobodyElseSees(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		s := openStore(t, env, bucketBlock(t))
		if keys, err := s.List(t.Context(), ""); err != nil || len(keys) > 0 {
			t.Fatalf("a bucket that does not exist lists %v, %v", keys, err)
		}
		if err := errors.Join(s.Dispose(t.Context()), s.Delete(t.Context(), "a", providers.Condition{})); err != nil {
			t.Error(err)
		}
		head := &s3.HeadBucketInput{Bucket: &s.Name}
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
		where, err := s.s3.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &s.Name})
		if err != nil || where.LocationConstraint != types.BucketLocationConstraintEuWest1 {
			t.Errorf("the bucket is in %q, %v", where.LocationConstraint, err)
		}
		block, err := s.s3.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &s.Name})
		if err != nil {
			t.Fatal(err)
		}
		if c := block.PublicAccessBlockConfiguration; !aws.ToBool(c.BlockPublicAcls) || !aws.ToBool(c.BlockPublicPolicy) ||
			!aws.ToBool(c.IgnorePublicAcls) || !aws.ToBool(c.RestrictPublicBuckets) {
			t.Errorf("the public is let in: %+v", c)
		}
	})
}

func TestDisposingTakesAwayTheEmptyBucketThatFerryMade(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		s := openStore(t, env, bucketBlock(t))
		if _, err := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent()); err != nil {
			t.Fatal(err)
		}
		head := &s3.HeadBucketInput{Bucket: &s.Name}
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
	})
}

func TestDisposingLeavesABucketThatFerryDidNotMake(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		s := openStore(t, env, bucketBlock(t))
		if _, err := s.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
			Bucket:                    &s.Name,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Dispose(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &s.Name}); err != nil {
			t.Errorf("the bucket is gone: %v", err)
		}
	})
}

func TestALargePackageArrivesWhole(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, env environment) {
		const size = 60 << 20
		s := openStore(t, env, bucketBlock(t))
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
	})
}

func TestTheStoreKeepsItsContractOnAWS(t *testing.T) {
	t.Parallel()
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		c := oneAccount{awstest.Start(t)}
		open := func(t testing.TB) providers.Store { return openStore(t, c.Env, "{}") }
		return providertest.StorePlace{
			Store: open(t), Again: open, Lose: func() { c.lose("PutObject", "DeleteObject") },
			Hold: func() (<-chan struct{}, func()) { return c.hold("PutObject") },
		}
	})
}

// lose loses the reply of the next request for one of these operations.
func (c oneAccount) lose(operations ...string) {
	var lost atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || lost.Swap(true) {
			return standin.Fault{}
		}
		return standin.LoseReply()
	})
}

func TestAConditionThatMeetsAnotherWriteDecidesLater(t *testing.T) {
	t.Parallel()
	cloud := awstest.Start(t)
	s := openStore(t, cloud.Env, "{}")
	tag, err := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	cloud.ObjectConflicts(2)
	if tag, err = s.Put(t.Context(), "a", strings.NewReader("two"), providers.IfTag(tag)); err != nil {
		t.Fatal(err)
	}
	cloud.ObjectConflicts(1000)
	if _, err := s.Put(t.Context(), "a", strings.NewReader("three"), providers.IfTag(tag)); !errors.Is(err, providers.Conflict) {
		t.Errorf("want a conflict, got %v", err)
	}
	cloud.ObjectConflicts(0)
	cloud.Intercept(lose(1))
	if _, err := s.Put(t.Context(), "a", strings.NewReader("four"), providers.IfTag(tag)); !errors.Is(err, providers.Conflict) {
		t.Errorf("a write that met itself is the ledger's to recognise: want a conflict, got %v", err)
	}
}

// lose loses the first replies of writes of objects.
func lose(n int) func(standin.Call) standin.Fault {
	return func(c standin.Call) standin.Fault {
		if c.Operation != "PutObject" || n == 0 {
			return standin.Fault{}
		}
		n--
		return standin.LoseReply()
	}
}

func TestABucketThatMayNotBeReadIsDeniedNotMissing(t *testing.T) {
	cloud := awstest.Start(t)
	s := openStore(t, cloud.Env, "{}")
	if _, err := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	cloud.Intercept(func(standin.Call) standin.Fault { return standin.Deny() })
	_, reading := s.Get(t.Context(), "a")
	_, writing := s.Put(t.Context(), "a", strings.NewReader("two"), providers.Condition{})
	_, listing := s.List(t.Context(), "")
	for what, err := range map[string]error{
		"reading": reading, "writing": writing, "listing": listing,
		"deleting": s.Delete(t.Context(), "a", providers.Condition{}), "disposing": s.Dispose(t.Context()),
	} {
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, `"Effect":"Allow"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestABucketOfAnotherAccountIsForeign(t *testing.T) {
	cloud := awstest.Start(t)
	s := openStore(t, cloud.Env, "{}")
	cloud.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "CreateBucket" {
			return standin.Fail(409, "BucketAlreadyExists", "The requested bucket name is not available.")
		}
		return standin.Fault{}
	})
	_, err := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent())
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Foreign || !strings.Contains(e.Hint, "'bucket'") {
		t.Errorf("want a hint to choose a bucket, got %v", err)
	}
}
