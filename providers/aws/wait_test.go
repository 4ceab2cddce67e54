package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// hindrance is how a service says that a write cannot be done just now.
func hindrance(c standin.Call) standin.Fault {
	switch c.Service {
	case "lambda":
		if strings.HasPrefix(c.Operation, "Update") || strings.HasSuffix(c.Operation, "EventSourceMapping") {
			return standin.Fail(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: "+c.Resource)
		}
		return standin.Fail(409, "ResourceConflictException", "The operation cannot be performed at this time. The function is currently in the following state: Pending")
	case "iam":
		return standin.Fail(409, "ConcurrentModification", "The request was rejected because multiple requests to change this object were submitted simultaneously.")
	case "logs":
		return standin.Fail(400, "OperationAbortedException", "A conflicting operation is currently in progress against this resource. Please try again.")
	case "scheduler":
		return standin.Fail(409, "ConflictException", "Updating or deleting the resource can cause an inconsistent state.")
	case "sns":
		return standin.Fail(400, "ConcurrentAccess", "Can't perform multiple operations on a tag simultaneously.")
	case "s3":
		return standin.Fail(409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.")
	}
	return standin.Fault{}
}

// hinder refuses each kind of write once, and tells which.
func (s *tenant) hinder() func() []string {
	var mu sync.Mutex
	refused := map[string]bool{}
	s.Intercept(func(c standin.Call) standin.Fault {
		mu.Lock()
		defer mu.Unlock()
		kind := c.Service + " " + c.Operation
		if ofLedger := c.Service == "s3" && strings.Contains(c.Operation, "Object"); !c.Write || refused[kind] || ofLedger {
			return standin.Fault{}
		}
		refused[kind] = true
		return hindrance(c)
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(maps.Keys(refused))
	}
}

func TestEveryWriteIsDoneAgainWhenSomethingIsInItsWay(t *testing.T) {
	t.Parallel()
	s := newTenant(t).imitated()
	s.bound()
	s.own("web", `{"permissions_boundary": "arn:aws:iam::aws:policy/AdministratorAccess"}`)
	before := s.Snapshot()
	refused := s.hinder()
	s.deploy()
	all := refused()

	refused = s.hinder()
	s.declare("web", "two", at("0 4 * * *"))
	s.function("worker").Env["WORD"] = "b"
	s.function("worker").Events = s.function("worker").Events[:0]
	s.own("worker", `{"tags": {"team": "a"}, "log_retention": 7}`)
	s.deploy()
	all = append(all, refused()...)

	refused = s.hinder()
	s.rollback(0)
	s.function("worker").Env["WORD"] = "c"
	s.deploy()
	all = append(all, refused()...)

	refused = s.hinder()
	s.remove(release.RemoveOptions{Purge: true})
	all = append(all, refused()...)
	s.Intercept(nil)
	if diff := cmp.Diff(before, s.Snapshot()); diff != "" {
		t.Errorf("this is left (-before +after):\n%s", diff)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	t.Logf("%d kinds of writes were refused: %s", len(all), strings.Join(all, ", "))
	if len(all) < 40 {
		t.Errorf("only %d kinds of writes were tried", len(all))
	}
}

func TestAFirstDeployWithAMostWaitsForTheFunctionToBeMade(t *testing.T) {
	t.Parallel()
	s := newTenant(t).imitated()
	s.PendingPolls(4)
	s.UpdatingPolls(2)
	s.declare("api", "one")
	s.function("api").Scaling.Max = 5
	s.deploy()
	if got := s.reserved("api"); got != 5 {
		t.Errorf("%d instances are reserved", got)
	}
}

// A holder that lost its lock has its context ended: a write that waits ends with it.
func TestAWriteThatWaitsEndsWithItsContext(t *testing.T) {
	acc := newAccount(t)
	s := eventful(t, "api", "")
	acc.deploy(s)
	ctx, cancel := context.WithCancel(t.Context())
	acc.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation != "TagResource" {
			return standin.Fault{}
		}
		cancel()
		return hindrance(c)
	})
	if err := acc.c.tag(ctx, "api", map[string]string{"a": "b"}); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("it ends with %v", err)
	}
}

// reserved is how many instances a function has at most; 0 is no limit.
func (s *tenant) reserved(fn string) int {
	s.Helper()
	out := s.at(fn, "live")
	if out.Concurrency == nil {
		return 0
	}
	return int(*out.Concurrency.ReservedConcurrentExecutions)
}

// warm is how many instances of the alias are kept warm.
func (s *tenant) warm(fn string) int {
	s.Helper()
	for _, line := range s.lines("provisioned-concurrency " + *physical(fn) + ":live") {
		var n int
		_, err := fmt.Sscanf(line, "provisioned-concurrency "+*physical(fn)+":live %d", &n)
		s.must(err)
		return n
	}
	return 0
}

func TestAChangeOfLatestByAnotherIsNamed(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	s.function("api").Env["WORD"] = "b"
	var others atomic.Int32
	s.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "UpdateFunctionConfiguration" && others.Add(1) == 1 {
			_, err := s.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: physical("api"), MemorySize: aws.Int32(512)})
			s.must(err)
		}
		return standin.Fault{}
	})
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	if !errors.Is(err, providers.Conflict) || !strings.Contains(err.Error(), "MemorySize") {
		t.Errorf("the deploy says %v", err)
	}
}
