package knative

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/bucket"
	"github.com/ferryfn/ferry/providers/providertest"
)

// bucketed is the store of a target that keeps releases in a bucket.
func bucketed(t testing.TB, endpoint string, env func(string) (string, bool)) *bucket.Doubted {
	t.Helper()
	block := blockOf(map[string]any{"registry": "r.example/x", "store": map[string]any{"bucket": "releases", "endpoint": endpoint, "region": awstest.Region}})
	a, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "cluster", Env: env, Block: block})
	var s providers.Store
	if err == nil {
		s, err = a.Store(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.(*bucket.Doubted)
}

func TestTheStoreInABucketKeepsTheStoreContract(t *testing.T) {
	t.Parallel()
	providertest.RunStore(t, func(t *testing.T) providertest.StorePlace {
		c := awstest.Start(t)
		open := func(t testing.TB) providers.Store {
			s := bucketed(t, c.Endpoint(), c.Env)
			if err := s.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			return s
		}
		made := bucketed(t, c.Endpoint(), c.Env)
		if _, err := made.Client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &made.Name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: awstest.Region}}); err != nil {
			t.Fatal(err)
		}
		return providertest.StorePlace{Store: open(t), Again: open, Lose: func() { loseOf(c, "PutObject", "DeleteObject") }, Hold: func() (<-chan struct{}, func()) { return holdOf(c, "PutObject") }}
	})
}

func loseOf(c *awstest.Cloud, operations ...string) {
	var lost atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || lost.Swap(true) {
			return standin.Fault{}
		}
		return standin.LoseReply()
	})
}

func holdOf(c *awstest.Cloud, operation string) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if call.Operation != operation || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Late(goes)
	})
	return waits, sync.OnceFunc(func() { close(goes) })
}

func TestABucketThatThereIsNotIsSaidWithTheNextStep(t *testing.T) {
	t.Parallel()
	c := awstest.Start(t)
	s := bucketed(t, c.Endpoint(), c.Env)
	_, reading := s.Get(t.Context(), "a")
	_, listing := s.List(t.Context(), "")
	_, writing := s.Put(t.Context(), "a", strings.NewReader("one"), providers.IfAbsent())
	for what, err := range map[string]error{"reading": reading, "listing": listing, "writing": writing} {
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.NotFound || !strings.Contains(e.Hint, "make the bucket releases") {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	c.Intercept(func(standin.Call) standin.Fault { return standin.Deny() })
	var e *providers.Error
	if _, err := s.List(t.Context(), ""); !errors.As(err, &e) || e.Kind != providers.Denied || !strings.Contains(e.Hint, "AWS_ACCESS_KEY_ID") {
		t.Errorf("without the right it ends with %v", err)
	}
}

func TestABucketThatTakesNoNoticeOfConditionsIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	var kept sync.Map
	careless := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPut {
			kept.Store(r.URL.Path, true)
		} else {
			kept.Delete(r.URL.Path)
		}
	}))
	t.Cleanup(careless.Close)
	s := bucketed(t, careless.URL, func(name string) (string, bool) {
		return "x", strings.HasPrefix(name, "AWS_") && name != "AWS_SESSION_TOKEN"
	})
	if _, err := s.Put(t.Context(), "lock.json", strings.NewReader("mine"), providers.IfAbsent()); !errors.Is(err, providers.Unsupported) {
		t.Errorf("a write ends with %v", err)
	}
	kept.Range(func(path, _ any) bool {
		t.Errorf("%v is left", path)
		return true
	})
}
