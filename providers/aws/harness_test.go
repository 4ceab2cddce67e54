package aws

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// shop is a service of three functions in an account of its own.
type shop struct {
	*testing.T
	*faults.Shop
	cloud *awstest.Cloud
	judge *Adapter // looks at what serves
}

func newSources(t *testing.T) *faults.Shop {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	return faults.NewShop(t, func(version string) (name, text string) {
		return "app.py", "def on_event(event, ctx):\n    pass\n" + fmt.Sprintf(application, version)
	})
}

func newShop(t *testing.T, from *faults.Shop) *shop {
	c := awstest.Start(t)
	c.PendingPolls(0)
	c.UpdatingPolls(0)
	c.Answer(func(_ []byte, variables map[string]string) []byte {
		return fmt.Appendf(nil, `{"digest":%q}`, variables["FERRY_DIGEST"])
	})
	return &shop{T: t, Shop: from, cloud: c, judge: adapterOf(t, c)}
}

// adapterOf is the adapter of a process of its own.
func adapterOf(t *testing.T, c *awstest.Cloud) *Adapter {
	a := newTestAdapter(t, c.Env, `{}`)
	a.service = "shop"
	return a
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s *shop) Context() context.Context { return until.Hasten(s.T.Context(), haste) }

// engine is a new process's engine on the sources of a version.
func (s *shop) engine(version string) *release.Engine {
	return s.Engine(version, manifest.Target{Name: "aws", Provider: name}, adapterOf(s.T, s.cloud), manifest.Function{
		Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI, Memory: 256 * manifest.MB,
	}, nil)
}

// network is the shop as faults breaks it.
func (s *shop) network() faults.Network {
	return faults.Network{
		Place:   faults.Place{Functions: s.Functions, Serving: s.serving, Engine: s.engine, Context: s.Context},
		Control: &s.cloud.Control, Left: s.resources,
		Conflict: standin.Fail(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: x"),
	}
}

// serving is the version of each function that the alias points at, as AWS tells it: of its code and its environment.
func (s *shop) serving() map[string]string {
	s.Helper()
	c, err := s.judge.connect(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	found := map[string]string{}
	for _, fn := range s.Functions("") {
		out, err := c.lambda.GetFunction(s.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop-dev-" + fn), Qualifier: aws.String(live)})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			s.Fatal(err)
		}
		word := out.Configuration.Environment.Variables["WORD"]
		if built := s.built(word, fn); codeDigest(built.ZipDigest) != aws.ToString(out.Configuration.CodeSha256) {
			s.Errorf("%s has the environment of %q and other code", fn, word)
		}
		found[fn] = word
	}
	return found
}

// built is the package of a version's function.
func (s *shop) built(version, fn string) packager.Artifact {
	s.Helper()
	e := s.engine(version)
	f, _ := e.Manifest.Function(fn)
	a, err := e.Packager.Build(s.Context(), f, e.Adapter.Platform(f))
	if err != nil {
		s.Fatal(err)
	}
	return a
}

func TestNoFaultAtAnyCallBreaksAReleaseOnAWS(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	// Each of these takes as long as a hundred in memory.
	faults.Withstands(t, faults.Options{Every: 400}, func(t *testing.T) faults.Place { return newShop(t, from).network().Place })
}

func TestEveryCallOfADeployMayGoWrong(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Calls(t, faults.Options{Every: 70}, func(t *testing.T) faults.Network { return newShop(t, from).network() })
}

func TestARequestOfAnOvertakenDeployChangesNothingThatServes(t *testing.T) {
	t.Parallel()
	from := newSources(t)
	faults.Late(t, faults.Options{Every: 15}, func(t *testing.T) faults.Network { return newShop(t, from).network() })
}

func (s *shop) deploys(version string) {
	s.Helper()
	if _, err := s.engine(version).Deploy(s.Context(), release.DeployOptions{Message: version}); err != nil {
		s.Fatalf("deploying %s: %v", version, err)
	}
}

// resources are all things in the account but versions, packages and records, whose numbers differ with what happened.
func (s *shop) resources() []string {
	var list []string
	for line := range strings.Lines(s.cloud.Snapshot()) {
		if line = varying.ReplaceAllString(strings.TrimSpace(line), "…"); !counted.MatchString(line) {
			list = append(list, line)
		}
	}
	return list
}

var (
	varying = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|epoch=[0-9]+|https?://[^ "]*|[0-9a-f]{16,64}|"[0-9]+"`)
	counted = regexp.MustCompile(`^version |^object `)
)
