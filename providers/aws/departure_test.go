package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// weights are the shares of a function's versions beside the one that the alias points at.
func (s *tenant) weights(fn string) map[string]float64 {
	s.Helper()
	if routing := s.alias(fn).RoutingConfig; routing != nil && len(routing.AdditionalVersionWeights) > 0 {
		return routing.AdditionalVersionWeights
	}
	return nil
}

// splitting is a service whose second version gets a tenth of the requests.
func splitting(t *testing.T) *tenant {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.declare("web", "one")
	s.deploy()
	s.declare("api", "two")
	s.declare("web", "two")
	s.deployed(release.DeployOptions{Traffic: 10})
	for _, fn := range []string{"api", "web"} {
		if at := *s.alias(fn).FunctionVersion; at != "1" {
			t.Errorf("the alias of %s points at %s", fn, at)
		}
		if diff := cmp.Diff(map[string]float64{"2": 0.1}, s.weights(fn)); diff != "" {
			t.Errorf("the weights of %s (-want +got):\n%s", fn, diff)
		}
	}
	return s
}

func TestAPromotedCanaryLeavesNoWeights(t *testing.T) {
	s := splitting(t)
	_, err := s.engine().Promote(t.Context(), release.PromoteOptions{})
	s.must(err)
	s.points("api", "2")
	s.points("web", "2")
	s.rollback(0)
	s.points("api", "1")
}

func TestARollbackEndsACanary(t *testing.T) {
	s := splitting(t)
	s.deployed(release.DeployOptions{Traffic: 50})
	if diff := cmp.Diff(map[string]float64{"2": 0.5}, s.weights("api")); diff != "" {
		t.Errorf("the weights (-want +got):\n%s", diff)
	}
	s.rollback(0)
	s.points("api", "1")
	s.points("web", "1")
	if tags := s.at("api", "live").Tags; tags["ferry:canary"] != "" {
		t.Errorf("a tag is left of it: %v", tags)
	}
}

func TestACanaryOfVersionsWithDifferentRolesIsRefused(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	s.foreign("other") // with a role that Lambda may assume
	s.own("api", `{"role": "arn:aws:iam::123456789012:role/theirs"}`)
	e, outcome := s.failure(release.DeployOptions{Traffic: 10})
	if !errors.Is(e, providers.Unsupported) || outcome == release.OutcomePartial || !strings.Contains(e.Error(), "role") {
		t.Errorf("the deploy says %s: %v", outcome, e)
	}
	s.points("api", "1")
	if status, err := s.engine().Status(t.Context()); err != nil || status.Canary != 0 || status.Release != 1 {
		t.Errorf("the status is %+v, %v", status, err)
	}
}

func TestOldVersionsGoAndThoseThatARollbackNeedsStay(t *testing.T) {
	s := newTenant(t).imitated()
	s.keep = 2
	for _, version := range []string{"one", "two", "three", "four", "five"} {
		s.declare("api", version)
		s.deploy()
	}
	left := s.versions("api")
	if slices.Contains(left, "1") || slices.Contains(left, "2") || !slices.Contains(left, "4") || !slices.Contains(left, "5") {
		t.Errorf("the versions are %v", left)
	}
	s.Reset()
	s.rollback(0)
	s.points("api", "4")
	equal(t, "the writes of a rollback to a version that stayed", s.wrote("lambda"), []string{"UpdateAlias shop-dev-api"})
	s.rollback(1)
	if got, want := *s.at("api", "live").Configuration.CodeSha256, codeDigest(s.packageOf("api", "one")); got != want {
		t.Errorf("the rollback to a version that is gone serves the code %s, not %s", got, want)
	}
}

// packageOf is the digest of the package of a version.
func (s *tenant) packageOf(fn, version string) string {
	s.Helper()
	s.declare(fn, version)
	return s.packed(fn).ZipDigest
}

// bound declares functions that everything calls which can call one, in an account that holds that.
func (s *tenant) bound() {
	s.Helper()
	cfg := s.lambda.Options()
	queues := sqs.New(sqs.Options{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	topics := sns.New(sns.Options{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	_, err := queues.CreateQueue(s.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	s.must(err)
	_, err = topics.CreateTopic(s.Context(), &sns.CreateTopicInput{Name: aws.String("signups")})
	s.must(err)
	_, err = s.s3.CreateBucket(s.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("uploads"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: awstest.Region},
	})
	s.must(err)
	s.declare("web", "one")
	s.function("web").Scaling.Min, s.function("web").Scaling.Max = 1, 5
	s.declare("worker", "one", at("0 3 * * *"), messages("orders", 1), published("signups"), stored("uploads", "raw/", "created"))
	s.own("worker", fmt.Sprintf(`{"policies": [%q]}`, readOnly))
}

func TestARemovalLeavesNothingButTheLedgerAndAPurgeNotEvenThat(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	s.bound()
	s.foreign("theirs") // whose name begins as ferry's do
	before := s.Snapshot()
	s.deploy()
	s.answers("web", "one a")
	s.declare("web", "two")
	s.deploy()
	s.remove(release.RemoveOptions{})
	if diff := cmp.Diff(before, s.resources()); diff != "" {
		t.Errorf("this is left (-before +after):\n%s", diff)
	}
	if len(s.lines("bucket ferry-")) != 1 || len(s.lines("object ferry-")) < 4 {
		t.Errorf("the ledger is gone: %v", s.lines("object "))
	}
	s.rollback(1)
	s.answers("web", "one a")
	s.remove(release.RemoveOptions{Purge: true})
	if diff := cmp.Diff(before, s.Snapshot()); diff != "" {
		t.Errorf("after a purge this is left (-before +after):\n%s", diff)
	}
}

func TestARemovalThatWasInterruptedAtAnyWriteIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(kill context.CancelFunc) standin.Fault{
		"denied": func(context.CancelFunc) standin.Fault { return standin.Deny() },
		"killed after it": func(kill context.CancelFunc) standin.Fault {
			kill()
			return standin.LoseReply()
		},
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fault := kinds[kind]
		t.Run(kind, func(t *testing.T) {
			s := newTenant(t).imitated()
			s.bound()
			before, writes := s.Snapshot(), sample.Of(t, 3)
			for n := 1; ; n++ {
				if !writes.Takes() {
					continue
				}
				s.deploy()
				if failed := s.interrupted(n, fault); !failed {
					break
				}
				s.remove(release.RemoveOptions{Purge: true})
				if diff := cmp.Diff(before, s.Snapshot()); diff != "" {
					t.Fatalf("write %d: this is left (-before +after):\n%s", n, diff)
				}
			}
		})
	}
}

func TestARemovalThatWasInterruptedAtAnyWriteIsUndone(t *testing.T) {
	t.Parallel()
	writes := sample.Of(t, 9)
	s := newTenant(t).imitated()
	s.bound()
	s.deploy()
	before := s.standing()
	for n := 1; ; n++ {
		if !writes.Takes() {
			continue
		}
		failed := s.interrupted(n, func(kill context.CancelFunc) standin.Fault {
			kill()
			return standin.LoseReply()
		})
		s.rollback(0)
		if diff := cmp.Diff(before, s.standing()); diff != "" {
			t.Fatalf("write %d: after a rollback this differs (-before +after):\n%s", n, diff)
		}
		status, err := s.engine().Status(t.Context())
		s.must(err)
		for name, f := range status.Functions {
			if f.State != "serving" || f.Drift != "" {
				t.Errorf("write %d: %s is %+v", n, name, f)
			}
		}
		if !failed {
			return
		}
	}
}

// standing are the resources, without what is new each time that they are made.
func (s *tenant) standing() []string {
	fresh := regexp.MustCompile(`epoch=\d+|role=\w+|127\.0\.0\.1:\d+`)
	return strings.Split(fresh.ReplaceAllString(s.resources(), "…"), "\n")
}

// interrupted removes all, with a fault at the nth write that is not of the ledger. It is false when there are not as many.
func (s *tenant) interrupted(n int, fault func(context.CancelFunc) standin.Fault) bool {
	s.Helper()
	ctx, kill := context.WithCancel(s.Context())
	defer kill()
	writes := make(chan int, 1)
	writes <- 0
	s.Intercept(func(c standin.Call) standin.Fault {
		if !c.Write || strings.HasPrefix(c.Resource, "ferry-") {
			return standin.Fault{}
		}
		count := <-writes + 1
		writes <- count
		if count == n {
			return fault(kill)
		}
		return standin.Fault{}
	})
	_, err := s.engine().Remove(ctx, release.RemoveOptions{})
	s.Intercept(nil)
	reached := <-writes >= n
	if reached == (err == nil) {
		s.Errorf("write %d, reached: %v: the removal says %v", n, reached, err)
	}
	return reached
}
