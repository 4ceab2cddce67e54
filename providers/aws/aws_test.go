package aws

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// application is a WSGI application that says its version and its environment's word.
const application = `import os
VERSION = %q
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [(VERSION + " " + os.environ["WORD"]).encode()]
`

// specWith packages a function for Lambda as ferry does.
func specWith(t testing.TB, function, version, word string) providers.Spec {
	return packaged(t, function, word, fmt.Sprintf(application, version))
}

// bound packages a function that a schedule calls.
func bound(t testing.TB, function string) providers.Spec {
	return packaged(t, function, "a", "def on_event(event, ctx):\n    pass\n"+fmt.Sprintf(application, "one"),
		manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * 1-5", Timezone: "Europe/Berlin"}})
}

func packaged(t testing.TB, function, word, code string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function(function, word, events...)
	fn.Handler, fn.Runtime, fn.Style = "app:app", "python3.13", manifest.StyleWSGI
	fn.Secrets = map[string]string{"WORD": "stripe-key"} // a package resolves none if there are none when it is built, and a case adds one
	spec := providertest.Package(t, &Adapter{}, fn, map[string]string{"app.py": code})
	spec.Function.Secrets = nil
	return providertest.Digested(spec)
}

// still is an adapter as moto can serve it: nothing can be started there, and a version that was deleted gives its
// number to the next.
type still struct {
	providers.Adapter
	providers.Splitter
	providers.Lister
}

// Capabilities are without Probes.
func (s still) Capabilities() providers.Capabilities {
	c := s.Adapter.Capabilities()
	c.Probes, c.Fenced = false, false // nothing runs there, and moto compares no revision ids
	return c
}

func TestAWSKeepsTheContractOnMoto(t *testing.T) {
	t.Parallel()
	env := motoEnv(t)
	providertest.Run(t, func(t *testing.T) providertest.Place {
		a := newTestAdapter(t, env, bucketBlock(t))
		return providertest.Place{Adapter: still{a, a, a}, Spec: specWith, Bound: bound}
	})
}

func TestAWSKeepsTheContract(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	providertest.Run(t, func(t *testing.T) providertest.Place {
		return oneAccount{awstest.Start(t)}.place(t, "shop", "dev")
	})
}

// oneAccount is a cloud as the suite sees it.
type oneAccount struct{ *awstest.Cloud }

// place is a service and stage, seen by a process of its own.
func (c oneAccount) place(t testing.TB, service, stage string) providertest.Place {
	t.Helper()
	a := newTestAdapter(t, c.Env, `{}`)
	a.service, a.stage = service, stage
	return providertest.Place{
		Adapter: a, Service: service, Stage: stage, Haste: haste, Spec: specWith, Bound: bound, Broken: crashing, Call: caller(a),
		Observe:   func(t testing.TB, function string) manifest.Function { return observed(t, a, function) },
		Neighbour: c.place,
		Occupy:    func(t testing.TB, function string) { occupy(t, a, function) },
		Original: func(t testing.TB, function string) string {
			occupy(t, a, function)
			return a.functionName(function)
		},
		Hold: func(testing.TB) (<-chan struct{}, func()) { return c.hold("CreateAlias", "UpdateAlias") },
		Impostor: func(t testing.TB, function string) providers.Spec {
			c.Answer(func([]byte, map[string]string) []byte { return []byte(`{"digest":"sha256:other"}`) })
			return specWith(t, function, "one", "a")
		},
	}
}

// hold has the next request for one of these operations wait on its way.
func (c oneAccount) hold(operations ...string) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	c.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Late(goes)
	})
	return waits, func() { close(goes) }
}

// observed is what Lambda keeps of what the alias points at.
func observed(t testing.TB, a *Adapter, function string) manifest.Function {
	t.Helper()
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := aws.String(a.functionName(function))
	f, err := c.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: name, Qualifier: aws.String(live)})
	if err != nil {
		t.Fatal(err)
	}
	url, err := c.lambda.GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: name, Qualifier: aws.String(live)})
	if err != nil {
		t.Fatal(err)
	}
	most, err := c.lambda.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: name})
	if err != nil {
		t.Fatal(err)
	}
	warm, err := c.lambda.GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: aws.String(live)})
	if err != nil {
		warm = &lambda.GetProvisionedConcurrencyConfigOutput{} // there is none
	}
	auth := "public"
	if url.AuthType == types.FunctionUrlAuthTypeAwsIam {
		auth = "private"
	}
	arch := map[types.Architecture]string{types.ArchitectureX8664: "amd64", types.ArchitectureArm64: "arm64"}
	return manifest.Function{
		Memory:       manifest.Size(aws.ToInt32(f.Configuration.MemorySize)) * manifest.MB,
		Timeout:      manifest.Duration(time.Duration(aws.ToInt32(f.Configuration.Timeout)) * time.Second),
		Architecture: arch[f.Configuration.Architectures[0]],
		Scaling: manifest.Scaling{
			Min: int(aws.ToInt32(warm.RequestedProvisionedConcurrentExecutions)), Max: int(aws.ToInt32(most.ReservedConcurrentExecutions)),
		},
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: auth}}},
	}
}

// crashing packages a function whose module does not load.
func crashing(t testing.TB, function string) providers.Spec {
	return packaged(t, function, "a", "raise RuntimeError('no such module')\n")
}

// caller calls a function over its URL.
func caller(a *Adapter) func(t testing.TB, function string) (version, word string) {
	return func(t testing.TB, function string) (string, string) {
		t.Helper()
		st, err := a.Status(t.Context(), function)
		if err != nil {
			t.Fatal(err)
		}
		if st.URL == "" {
			return "", ""
		}
		res, err := http.Get(st.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s: %s (%v)", function, res.Status, body, err)
		}
		version, word, _ := strings.Cut(string(body), " ")
		return version, word
	}
}
