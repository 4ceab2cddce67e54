package gcptest_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"google.golang.org/api/cloudfunctions/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
)

// functional is a project with a client for Cloud Functions.
type functional struct {
	*cloud
	functions *cloudfunctions.ProjectsLocationsService
}

func functionsIn(t *testing.T) *functional {
	t.Helper()
	c := runIn(t)
	client, err := cloudfunctions.NewService(t.Context(), as(c.Server, "cloudfunctions")...)
	if err != nil {
		t.Fatal(err)
	}
	return &functional{cloud: c, functions: client.Projects.Locations}
}

// answeringFunctions is such a project in which functions answer with the variable SAYS, without builds.
func answeringFunctions(t *testing.T) *functional {
	t.Helper()
	c := functionsIn(t)
	c.Answer(func(variables map[string]string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, variables["SAYS"]+" "+variables["FUNCTION_TARGET"])
		})
	})
	return c
}

// upload sends an archive of these files.
func (c *functional) upload(files ...string) *cloudfunctions.Source {
	c.t.Helper()
	var data bytes.Buffer
	archive := zip.NewWriter(&data)
	for i := 0; i < len(files); i += 2 {
		w, err := archive.Create(files[i])
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		c.t.Fatal(err)
	}
	at, err := c.functions.Functions.GenerateUploadUrl(place, &cloudfunctions.GenerateUploadUrlRequest{Environment: "GEN_2"}).Do()
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPut, at.UploadUrl, &data)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/zip")
	if status, text := do(c.t, r); status != 200 {
		c.t.Fatalf("%d %s", status, text)
	}
	return &cloudfunctions.Source{StorageSource: at.StorageSource}
}

func (c *functional) ended(op *cloudfunctions.Operation, err error) *cloudfunctions.Operation {
	c.t.Helper()
	for err == nil && !op.Done {
		op, err = c.functions.Operations.Get(op.Name).Do()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return op
}

func (c *functional) well(op *cloudfunctions.Operation, err error) {
	c.t.Helper()
	if op := c.ended(op, err); op.Error != nil {
		c.t.Fatalf("%d %s", op.Error.Code, op.Error.Message)
	}
}

// fails wants an operation to end with an error.
func (c *functional) fails(op *cloudfunctions.Operation, err error, want string) {
	c.t.Helper()
	if op := c.ended(op, err); op.Error == nil || !strings.Contains(op.Error.Message, want) {
		c.t.Errorf("got %+v, want %s", op.Error, want)
	}
}

func nodeFunction(source *cloudfunctions.Source, text string) *cloudfunctions.Function {
	return &cloudfunctions.Function{
		BuildConfig:   &cloudfunctions.BuildConfig{Runtime: "nodejs22", EntryPoint: "hello", Source: source},
		ServiceConfig: &cloudfunctions.ServiceConfig{EnvironmentVariables: map[string]string{"SAYS": text}},
	}
}

const (
	greet    = place + "/functions/greet"
	greeting = place + "/services/greet"
)

func (c *functional) create(f *cloudfunctions.Function) *cloudfunctions.Function {
	c.t.Helper()
	c.well(c.functions.Functions.Create(place, f).FunctionId("greet").Do())
	is, err := c.functions.Functions.Get(greet).Do()
	if err != nil {
		c.t.Fatal(err)
	}
	return is
}

// asked is what the function's address answers to the deployer.
func (c *functional) asked() string {
	c.t.Helper()
	is, err := c.run.Services.Get(greeting).Do()
	if err != nil {
		c.t.Fatal(err)
	}
	status, text := c.ask(is.Uri, c.IDToken(gcptest.Deployer, is.Uri))
	if status != 200 {
		return http.StatusText(status)
	}
	return text
}

const nodeSource = `exports.hello = (req, res) => res.send(process.env.SAYS + " " + req.path);` + "\n"

func TestAFunctionRunsUnderTheRealFramework(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it installs packages")
	}
	for name, x := range map[string]struct {
		runtime string
		needs   string
		files   []string
	}{
		"node": {"nodejs22", "npm", []string{"index.js", nodeSource, "package.json", `{"dependencies": {"@google-cloud/functions-framework": "^5.0.0"}}`}},
		"python": {"python313", "python3", []string{"main.py", `import os
def hello(request):
    return os.environ["SAYS"] + " " + request.path
`, "requirements.txt", "functions-framework==3.10.2\n"}},
		"go": {"go126", "go", []string{"go.mod", "module example.com/fn\n\ngo 1.25\n\nrequire github.com/GoogleCloudPlatform/functions-framework-go v1.9.2\n", "fn.go", `package fn

import (
	"fmt"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func init() {
	functions.HTTP("hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv("SAYS"), " ", r.URL.Path) })
}
`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(x.needs); err != nil {
				t.Skip(x.needs + " is missing")
			}
			c := functionsIn(t)
			f := nodeFunction(c.upload(x.files...), "hi")
			f.BuildConfig.Runtime = x.runtime
			c.create(f)
			if text := c.asked(); text != "hi /" {
				t.Errorf("answered %q", text)
			}
			f.BuildConfig.EntryPoint = "nobody"
			f.ServiceConfig.EnvironmentVariables["SAYS"] = "never"
			op, err := c.functions.Functions.Patch(greet, f).Do()
			c.fails(op, err, "Could not create or update Cloud Run service greet, Container Healthcheck failed. Revision 'greet-00002-")
			if text := c.asked(); text != "hi /" {
				t.Errorf("after a failed update: %q", text)
			}
		})
	}
}
