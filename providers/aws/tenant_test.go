package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release"
)

// tenant is a service in an account of its own. The engine works for it, each time as a process of its own; what came
// of that is judged with the SDK's plain clients, which know nothing of ferry.
//
// It is no shop: its functions, their languages and their events are each test's own, and they really run.
type tenant struct {
	*testing.T
	*awstest.Cloud
	root, cache string
	block       string // of the target
	env         environment
	keep        int
	declared    []manifest.Function

	lambda *lambda.Client
	iam    *iam.Client
	logs   *cloudwatchlogs.Client
	s3     *s3.Client
}

// Context is that of the test, in which the adapter waits as briefly as the stand-in lets it.
func (s *tenant) Context() context.Context { return until.Hasten(s.T.Context(), haste) }

func newTenant(t *testing.T, tools ...string) *tenant {
	t.Helper()
	needs(t, tools...)
	c := awstest.Start(t)
	c.PendingPolls(0)
	c.UpdatingPolls(0)
	cfg := aws.Config{
		Region: awstest.Region, BaseEndpoint: aws.String(c.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKey, awstest.SecretKey, ""),
	}
	return &tenant{
		T: t, Cloud: c, root: t.TempDir(), cache: t.TempDir(), block: `{}`, env: c.Env, keep: 20,
		lambda: lambda.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range append(tools, "python3") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
}

// imitated answers invocations as functions would, for tests in which it does not matter that they really run.
func (s *tenant) imitated() *tenant {
	s.Answer(func(event []byte, variables map[string]string) []byte {
		if bytes.Contains(event, []byte("dev.ferry.probe")) {
			return fmt.Appendf(nil, `{"digest":%q}`, variables["FERRY_DIGEST"])
		}
		return []byte(`{"statusCode":200,"headers":{},"body":""}`)
	})
	return s
}

func (s *tenant) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// write puts a file into the sources.
func (s *tenant) write(name, text string) {
	s.Helper()
	path := filepath.Join(s.root, filepath.FromSlash(name))
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(text), 0o600))
}

// declare puts a Python function with this version into the manifest, in place of one of its name.
func (s *tenant) declare(name, version string, events ...manifest.Event) {
	s.Helper()
	s.write(name+"/app.py", "def on_event(event, ctx):\n    return None\n"+fmt.Sprintf(application, version))
	if events == nil {
		events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
	}
	s.add(manifest.Function{
		Name: name, Source: name, Handler: "app:app", Runtime: "python3.13", Style: manifest.StyleWSGI, Events: events,
		Env: map[string]string{"WORD": "a"},
	})
}

func (s *tenant) add(fn manifest.Function) {
	fn.Memory, fn.Timeout = 256*manifest.MB, manifest.Duration(10*time.Second)
	s.declared = slices.DeleteFunc(s.declared, func(f manifest.Function) bool { return f.Name == fn.Name })
	s.declared = append(s.declared, fn)
	slices.SortFunc(s.declared, func(a, b manifest.Function) int { return strings.Compare(a.Name, b.Name) })
}

func (s *tenant) function(name string) *manifest.Function {
	return &s.declared[slices.IndexFunc(s.declared, func(f manifest.Function) bool { return f.Name == name })]
}

// own gives a function a block of the provider.
func (s *tenant) own(name, block string) {
	s.Helper()
	s.function(name).Config = node(s.T, block)
}

func node(t *testing.T, block string) *manifest.Node {
	t.Helper()
	n := new(manifest.Node)
	if err := json.Unmarshal([]byte(block), n); err != nil {
		t.Fatal(err)
	}
	return n
}

// engine is that of a new process.
func (s *tenant) invoker() providers.Invoker {
	s.Helper()
	i, ok := providers.As[providers.Invoker](s.engine().Adapter)
	if !ok {
		s.Fatal("the adapter is no invoker")
	}
	return i
}

func (s *tenant) engine() *release.Engine {
	s.Helper()
	a := newTestAdapter(s.T, s.env, s.block)
	a.service = "shop"
	data, err := json.Marshal(s.declared)
	s.must(err)
	m := &manifest.Manifest{
		File: "ferry.yaml", Dir: s.root, Service: "shop", Stage: "dev", Digest: string(data),
		Target: manifest.Target{Name: "aws", Provider: name}, Releases: manifest.Releases{Keep: s.keep},
		Functions: slices.Clone(s.declared),
	}
	return &release.Engine{
		Manifest: m, Adapter: a, Packager: &packager.Packager{Root: s.root, Cache: s.cache},
		Origin: release.Origin{Actor: "me@here", Version: "test"}, LockTTL: time.Second,
	}
}

func (s *tenant) deploy() *release.Result { return s.deployed(release.DeployOptions{}) }

func (s *tenant) deployed(o release.DeployOptions) *release.Result {
	s.Helper()
	r, err := s.engine().Deploy(s.Context(), o)
	s.must(err)
	return r
}

func (s *tenant) rollback(to int) {
	s.Helper()
	_, err := s.engine().Rollback(s.Context(), release.RollbackOptions{To: to})
	s.must(err)
}

func (s *tenant) remove(o release.RemoveOptions) {
	s.Helper()
	_, err := s.engine().Remove(s.Context(), o)
	s.must(err)
}

// physical is what a function is called at AWS.
func physical(fn string) *string { return aws.String("shop-dev-" + fn) }

// at is a version or alias of a function.
func (s *tenant) at(fn, qualifier string) *lambda.GetFunctionOutput {
	s.Helper()
	out, err := s.lambda.GetFunction(s.Context(), &lambda.GetFunctionInput{FunctionName: physical(fn), Qualifier: &qualifier})
	s.must(err)
	return out
}

// alias is the alias live of a function.
func (s *tenant) alias(fn string) *lambda.GetAliasOutput {
	s.Helper()
	out, err := s.lambda.GetAlias(s.Context(), &lambda.GetAliasInput{FunctionName: physical(fn), Name: aws.String("live")})
	s.must(err)
	return out
}

// points checks what version the alias points at.
func (s *tenant) points(fn, version string) {
	s.Helper()
	if got := s.alias(fn); *got.FunctionVersion != version || got.RoutingConfig != nil && len(got.RoutingConfig.AdditionalVersionWeights) > 0 {
		s.Errorf("the alias of %s points at %s with %+v, not at %s alone", fn, *got.FunctionVersion, got.RoutingConfig, version)
	}
}

// versions are the numbers of a function's versions.
func (s *tenant) versions(fn string) []string {
	s.Helper()
	out, err := s.lambda.ListVersionsByFunction(s.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: physical(fn)})
	s.must(err)
	var all []string
	for _, v := range out.Versions {
		if *v.Version != "$LATEST" {
			all = append(all, *v.Version)
		}
	}
	return all
}

// code is the package of a version, downloaded from where AWS says that it is.
func (s *tenant) code(fn, qualifier string) []byte {
	s.Helper()
	res, err := http.Get(*s.at(fn, qualifier).Code.Location)
	s.must(err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	s.must(err)
	return data
}

// url is the Function URL of a function's alias.
func (s *tenant) url(fn string) *lambda.GetFunctionUrlConfigOutput {
	s.Helper()
	out, err := s.lambda.GetFunctionUrlConfig(s.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: physical(fn), Qualifier: aws.String("live")})
	s.must(err)
	return out
}

// get calls a function over its URL.
func (s *tenant) get(fn string) (status int, body string) {
	s.Helper()
	res, err := http.Get(*s.url(fn).FunctionUrl)
	s.must(err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	s.must(err)
	return res.StatusCode, string(data)
}

// answers checks what a function says over its URL.
func (s *tenant) answers(fn, want string) {
	s.Helper()
	if status, body := s.get(fn); status != http.StatusOK || body != want {
		s.Errorf("%s answers %d %q, not %q", fn, status, body, want)
	}
}

// lines are those of the snapshot that begin so.
func (s *tenant) lines(begin string) []string {
	var found []string
	for line := range strings.Lines(s.Snapshot()) {
		if strings.HasPrefix(line, begin) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// wrote are the writes to a service since the last Reset, "" to all, sorted.
func (s *tenant) wrote(service string) []string {
	var all []string
	for _, c := range s.Calls() {
		if c.Write && (c.Service == service || service == "") {
			all = append(all, c.Operation+" "+c.Resource)
		}
	}
	slices.Sort(all)
	return all
}

// tagged are the tags that ferry puts on what it makes for a function.
func (s *tenant) tagged(fn string) map[string]string {
	return map[string]string{"ferry:service": "shop", "ferry:stage": "dev", "ferry:function": fn}
}
