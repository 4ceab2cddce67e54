package lambdatest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs a package of the files given as name and content in turn.
func start(t *testing.T, f Function, files ...string) *Environment {
	t.Helper()
	f.Dir = t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(f.Dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasPrefix(f.Runtime, "provided") {
		compile(t, f.Dir)
	} else if _, err := Interpreter(t.Context(), f.Runtime); err != nil {
		t.Skip(err)
	}
	if f.Timeout == 0 {
		f.Timeout = 20 * time.Second
	}
	e, err := Start(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func compile(t *testing.T, dir string) {
	t.Helper()
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", "bootstrap", "main.go")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func invoke(t *testing.T, e *Environment, payload string) Result {
	t.Helper()
	r, err := e.Invoke(t.Context(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// errorType is the kind of a failed invocation, "" for one that went well.
func errorType(t *testing.T, r Result) string {
	t.Helper()
	if r.FunctionError == "" {
		return ""
	}
	var problem struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(r.Payload, &problem); err != nil || problem.ErrorMessage == "" {
		t.Errorf("the error is %s", r.Payload)
	}
	return problem.ErrorType
}

const (
	node   = "nodejs22.x"
	python = "python3.13"
)

func TestAProcessIsKeptBetweenInvocations(t *testing.T) {
	for _, f := range []struct {
		runtime, handler, file, code string
	}{
		{node, "index.handler", "index.mjs", "let n = 0;\nexport const handler = async (event, context) => { console.log('counting'); return [++n, event, context.awsRequestId.length]; };\n"},
		{node, "index.handler", "index.js", "let n = 0;\nexports.handler = async (event, context) => { console.log('counting'); return [++n, event, context.awsRequestId.length]; };\n"},
		{node, "index.a.b", "index.cjs", "let n = 0;\nexports.a = { b: async (event, context) => { console.log('counting'); return [++n, event, context.awsRequestId.length]; } };\n"},
		{python, "index.handler", "index.py", "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    print('counting')\n    return [n, event, len(context.aws_request_id)]\n"},
	} {
		t.Run(f.file, func(t *testing.T) {
			t.Parallel()
			e := start(t, Function{Runtime: f.runtime, Handler: f.handler}, f.file, f.code)
			cold, warm := invoke(t, e, `{"a":1}`), invoke(t, e, `"x"`)
			for n, want := range map[*Result]string{&cold: `[1,{"a":1},36]`, &warm: `[2,"x",36]`} {
				if got := strings.ReplaceAll(string(n.Payload), ", ", ","); strings.ReplaceAll(got, ": ", ":") != want || n.FunctionError != "" {
					t.Errorf("got %s %s, want %s", got, n.Log, want)
				}
				for _, line := range []string{"START RequestId: ", "counting\n", "END RequestId: ", "REPORT RequestId: ", "Memory Size: 128 MB"} {
					if !strings.Contains(n.Log, line) {
						t.Errorf("the log has no %q:\n%s", line, n.Log)
					}
				}
			}
			if !strings.Contains(cold.Log, "Init Duration: ") || strings.Contains(warm.Log, "Init Duration: ") {
				t.Errorf("one start was cold:\n%s%s", cold.Log, warm.Log)
			}
		})
	}
}

func TestWhatGoesWrongIsAnError(t *testing.T) {
	cases := []struct {
		name, runtime, handler, file, code, want, says string
	}{
		{"node throws", node, "i.handler", "i.mjs", "export const handler = async () => { throw new TypeError('on purpose'); };", "TypeError", "on purpose"},
		{"node import", node, "i.handler", "i.mjs", "throw new RangeError('on purpose');", "RangeError", "on purpose"},
		{"node exits while it loads", node, "i.handler", "i.mjs", "console.log('going'); process.exit(3);", "Runtime.ExitError", "going"},
		{"node exits", node, "i.handler", "i.mjs", "export const handler = async () => { console.log('going'); process.exit(0); };", "Runtime.ExitError", "going"},
		{"node has no such file", node, "j.handler", "i.mjs", "", "Runtime.ImportModuleError", "j.handler"},
		{"node has no such export", node, "i.handler", "i.mjs", "", "Runtime.HandlerNotFound", "i.handler"},
		{"node hangs", node, "i.handler", "i.mjs", "export const handler = () => new Promise(() => setInterval(() => {}, 1000));", "Sandbox.Timedout", "timed out"},
		{"python raises", python, "i.handler", "i.py", "def handler(e, c):\n    raise ValueError('on purpose')", "ValueError", "on purpose"},
		{"python import", python, "i.handler", "i.py", "import not_there", "Runtime.ImportModuleError", "not_there"},
		{"python exits while it loads", python, "i.handler", "i.py", "import sys; sys.exit('going')", "Runtime.ExitError", "going"},
		{"python has no such attribute", python, "i.handler", "i.py", "", "Runtime.HandlerNotFound", "handler"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := Function{Runtime: c.runtime, Handler: c.handler}
			if c.want == "Sandbox.Timedout" {
				f.Timeout = time.Second
			}
			e := start(t, f, c.file, c.code)
			for range 2 { // whatever it was, the next invocation finds an environment that works
				r := invoke(t, e, "{}")
				if got := errorType(t, r); got != c.want {
					t.Errorf("got %q %s, want %q", got, r.Payload, c.want)
				}
				if !strings.Contains(r.Log, c.says) || !strings.Contains(r.Log, "Status: ") {
					t.Errorf("the log does not say %q:\n%s", c.says, r.Log)
				}
			}
		})
	}
}

func TestTheProcessFindsWhatLambdaGivesAndNothingElse(t *testing.T) {
	t.Setenv("LAMBDATEST_SECRET", "of this process")
	e := start(t, Function{
		Runtime: python, Handler: "i.handler", Name: "shop", Version: "7", MemoryMB: 512,
		Env: map[string]string{"OWN": "yes", "AWS_REGION": "eu-west-1"},
	}, "i.py", `
import os
def handler(event, context):
    root = os.environ["LAMBDA_TASK_ROOT"]
    failed = []
    for name in ("new", "i.py"):
        try:
            open(os.path.join(root, name), "a")
        except OSError:
            failed.append(name)
    open(os.path.join(os.environ["TMPDIR"], "x"), "w")
    names = ["OWN", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "_HANDLER"]
    return [failed, os.getcwd() == root, "LAMBDATEST_SECRET" in os.environ, [os.environ[n] for n in names], context.invoked_function_arn]
`)
	want := `[["new", "i.py"], true, false, ["yes", "shop", "7", "512", "eu-west-1", "i.handler"], "arn:aws:lambda:eu-west-1:123456789012:function:shop:7"]`
	if r := invoke(t, e, "{}"); string(r.Payload) != want {
		t.Errorf("got %s\n%s", r.Payload, r.Log)
	}
}

func TestNothingRunsBetweenInvocations(t *testing.T) {
	e := start(t, Function{Runtime: node, Handler: "i.handler"}, "i.mjs",
		"let ticks = 0;\nsetInterval(() => ticks++, 5);\nexport const handler = async () => ticks;\n")
	ticks := func() int {
		var n int
		if err := json.Unmarshal(invoke(t, e, "{}").Payload, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := ticks()
	<-time.After(time.Second) // 200 ticks, and an invocation on a busy machine may last some
	if after := ticks(); after > before+100 {
		t.Errorf("%d ticks while frozen", after-before)
	}
}

const streaming = `
export const handler = async (event, out, context) => {
  out.setContentType("text/x");
  if (event === "early") throw new Error("on purpose");
  out.write("one\n");
  await fetch(process.env.GATE);
  if (event === "late") throw new Error("on purpose");
  out.end("two\n");
  await new Promise((done) => out.once("finish", done));
};
handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = "response";
`

func TestAStreamArrivesInPieces(t *testing.T) {
	arrived := make(chan struct{}, 100)
	gate := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-arrived }))
	defer gate.Close()
	e := start(t, Function{
		Runtime: node, Handler: "i.handler", Env: map[string]string{"GATE": gate.URL},
		Piece: func([]byte) { arrived <- struct{}{} },
	}, "i.mjs", streaming)
	r := invoke(t, e, "{}")
	if string(r.Payload) != "one\ntwo\n" || !r.Streamed || r.ContentType != "text/x" || r.FunctionError != "" {
		t.Errorf("got %+v", r)
	}
	if r := invoke(t, e, `"early"`); errorType(t, r) != "Error" {
		t.Errorf("got %+v", r)
	}
	if r := invoke(t, e, `"late"`); r.FunctionError == "" || string(r.Payload) != "one\n" {
		t.Errorf("got %+v", r)
	}
}

func TestAStreamingHandlerThatLeavesSomethingOpenIsWaitedFor(t *testing.T) {
	e := start(t, Function{Runtime: node, Handler: "i.handler", Timeout: 2 * time.Second}, "i.mjs", `
setInterval(() => {}, 1000);
export const handler = async (patient, out, context) => {
  context.callbackWaitsForEmptyEventLoop = patient;
  await new Promise((done) => out.once("finish", done).end("x"));
};
handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = "response";
`)
	if r := invoke(t, e, "false"); string(r.Payload) != "x" || strings.Contains(r.Log, "timed out") {
		t.Errorf("got %+v", r)
	}
	if r := invoke(t, e, "true"); string(r.Payload) != "x" || !strings.Contains(r.Log, "Status: timeout") {
		t.Errorf("got %+v", r)
	}
}

func TestAResponseThatIsTooLargeIsAnError(t *testing.T) {
	e := start(t, Function{Runtime: node, Handler: "i.handler"}, "i.mjs", "export const handler = async (n) => 'x'.repeat(n);\n")
	if r := invoke(t, e, "6291000"); r.FunctionError != "" || len(r.Payload) != 6291002 {
		t.Errorf("got %d bytes, %s", len(r.Payload), r.FunctionError)
	}
	if got := errorType(t, invoke(t, e, "7000000")); got != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %q", got)
	}
	if r := invoke(t, e, "1"); string(r.Payload) != `"x"` {
		t.Errorf("got %s", r.Payload)
	}
}

func TestABootstrapIsAProgram(t *testing.T) {
	e := start(t, Function{Runtime: "provided.al2023", Handler: "bootstrap"}, "main.go", `package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		res, err := http.Get(base + "next")
		if err != nil {
			os.Exit(1)
		}
		event, _ := io.ReadAll(res.Body)
		if string(event) == "1" {
			os.Exit(4)
		}
		res, err = http.Post(base+res.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", io.MultiReader())
		if err != nil {
			os.Exit(2)
		}
		res.Body.Close()
	}
}
`)
	if r := invoke(t, e, "{}"); r.FunctionError != "" || len(r.Payload) != 0 {
		t.Errorf("got %+v", r)
	}
	if r := invoke(t, e, "1"); errorType(t, r) != "Runtime.ExitError" || !strings.Contains(string(r.Payload), "exit status 4") {
		t.Errorf("got %+v", r)
	}
}

func TestAContextThatEndsEndsTheProcess(t *testing.T) {
	e := start(t, Function{Runtime: node, Handler: "i.handler", Timeout: time.Minute}, "i.mjs",
		"let n = 0;\nexport const handler = async (hang) => { n++; if (hang) await new Promise(() => setInterval(() => {}, 1000)); return n; };\n")
	invoke(t, e, "false")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.Invoke(ctx, []byte("true")); err == nil {
		t.Error("no error")
	}
	if r := invoke(t, e, "false"); string(r.Payload) != "1" {
		t.Errorf("a new process counts from one, got %s", r.Payload)
	}
}

func TestPythonSeesNothingOfWhatIsInstalledOnTheMachine(t *testing.T) {
	e := start(t, Function{Runtime: python, Handler: "i.handler"}, "i.py", `
import importlib.util, subprocess, sys
look = "import importlib.util; print([m for m in ('pip', 'setuptools') if importlib.util.find_spec(m)])"
def handler(event, context):
    exec(look)
    return subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout.strip()
`)
	if r := invoke(t, e, "{}"); string(r.Payload) != `"[]"` || !strings.Contains(r.Log, "[]") {
		t.Errorf("it sees %s, and what it starts %s", r.Log, r.Payload)
	}
}

func TestWhatAProcessStartedEndsWithIt(t *testing.T) {
	e := start(t, Function{Runtime: python, Handler: "i.handler"}, "i.py", `
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
def handler(event, context):
    os._exit(3)
`)
	log := invoke(t, e, "{}").Log
	_, rest, _ := strings.Cut(log, "child ")
	pid, _, _ := strings.Cut(rest, "\n")
	for deadline := time.Now().Add(10 * time.Second); ; {
		state, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s lives: %s", pid, state)
		}
		<-time.After(5 * time.Millisecond)
	}
}
