//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestWhatThisMachineCannotHonourIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	a := adapter(t, t.TempDir(), "{}")
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	for want, fn := range map[string]manifest.Function{
		"":                     {Runtime: "go", Style: "go", Architecture: runtime.GOARCH},
		"blocker runtime":      {Runtime: "nodejs22", Style: "fetch"},
		"blocker runtime ":     {Runtime: "java21", Style: "server"},
		"warning architecture": {Runtime: "go", Style: "go", Architecture: other},
	} {
		fn.Name = "api"
		var got []string
		for _, i := range a.Check(fn) {
			got = append(got, string(i.Severity)+" "+i.Field)
			if i.Function != "api" || i.Message == "" {
				t.Errorf("%+v says too little", i)
			}
		}
		if diff := cmp.Diff(strings.TrimSpace(want), strings.Join(got, ", ")); diff != "" {
			t.Error(diff)
		}
	}
}

// fake makes a program on PATH that says it is an interpreter of a version.
func fake(t *testing.T, dir, name, version string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	script := fmt.Sprintf("#!/bin/sh\necho asked >> %s.asked\necho %s\necho %s\n", path, path, version)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheInterpreterOfTheRightVersionIsPreferred(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	plain := fake(t, dir, "python3", "3.11.7")
	right := fake(t, dir, "python3.13", "3.13.1")
	a := adapter(t, t.TempDir(), "{}")
	if got := a.interpreters.find("python3.13"); got.Path != right {
		t.Errorf("got %+v", got)
	}
	if got := a.Platform(manifest.Function{Runtime: "python3.13"}).Runtime; got != "python3.13" {
		t.Errorf("got %s", got)
	}
	if err := os.Remove(right); err != nil {
		t.Fatal(err)
	}
	a = adapter(t, t.TempDir(), "{}")
	if got := a.interpreters.find("python3.13"); got.Path != plain {
		t.Errorf("got %+v", got)
	}
	fn := manifest.Function{Name: "api", Runtime: "python3.13", Style: "wsgi"}
	if got := a.Platform(fn).Runtime; got != "python3.11" {
		t.Errorf("got %s", got)
	}
	issues := a.Check(fn)
	if len(issues) != 1 || issues[0].Severity != providers.Warning || !strings.Contains(issues[0].Message, "3.11.7") {
		t.Errorf("got %+v", issues)
	}
}

func TestAnInterpreterIsAskedOnceUntilItChanges(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	t.Setenv("PATH", dir)
	program := fake(t, dir, "node", "22.1.0")
	c := providers.Config{Home: providers.Home{Cache: cache}, Env: os.LookupEnv}
	asked := func() int {
		for range 2 {
			if got := newInterpreters(c).runtime("nodejs22"); !strings.HasPrefix(string(got), "nodejs2") {
				t.Fatalf("got %s", got)
			}
		}
		data, err := os.ReadFile(program + ".asked")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "asked")
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	fake(t, dir, "node", "24.10.0")
	if n := asked(); n != 2 {
		t.Errorf("asked %d times after it changed", n)
	}
	if got := newInterpreters(c).runtime("nodejs22"); got != "nodejs24" {
		t.Errorf("got %s", got)
	}
}

func TestABadTargetBlockIsRefused(t *testing.T) {
	for _, block := range []string{`{"prot": 1}`, `{"port": "x"}`, `{"port": 70000}`, `{"hosts": "x"}`, `{"hosts": ["http://x"]}`, `{"hosts": ["x", "x:1"]}`, `{"hosts": ["*"]}`} {
		node := new(manifest.Node)
		if err := node.UnmarshalJSON([]byte(block)); err != nil {
			t.Fatal(err)
		}
		if _, err := New(providers.Config{Target: "here", Block: node}); err == nil {
			t.Errorf("%s was accepted", block)
		}
	}
}

func TestAPortThatIsTakenIsAnErrorThatNamesIt(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	a := served(t)
	a.target.Port = port
	s := spec(t, "api", "one", "a")
	r, err := a.Publish(t.Context(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	st, err := a.Activate(t.Context(), providers.Change{Spec: s, From: providers.State{}, To: &r})
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Unavailable || !strings.Contains(e.Error(), fmt.Sprint(port)) || !strings.Contains(e.Hint, "port") {
		t.Errorf("got %+v", e)
	}
	if !st.Serves(nil) {
		t.Errorf("the state is %+v", st)
	}
	if !strings.Contains(e.Error(), fmt.Sprint(os.Getpid())) && runtime.GOOS == "linux" {
		t.Errorf("%v does not name who has it", e)
	}
}

func TestASecretWithoutValueIsFoundBeforeAnythingIsStored(t *testing.T) {
	a := adapter(t, t.TempDir(), "{}")
	s := spec(t, "api", "one", "a")
	s.Secrets = map[string]string{"STRIPE": "stripe-key", "OTHER": "stripe-key"}
	s = providertest.Digested(s)
	_, err := a.Publish(t.Context(), s, 0)
	for _, err := range []error{err, a.Warm(t.Context(), s)} {
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.NotFound || !strings.Contains(e.Hint, "stripe-key") {
			t.Fatalf("got %+v", err)
		}
	}
	if list, err := a.Revisions(t.Context(), "api"); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if err := a.SetSecret(t.Context(), "stripe-key", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), s, 0); err != nil {
		t.Error(err)
	}
}

func TestStatusNeedsNoPlatformAndSaysThatNoneRuns(t *testing.T) {
	a := adapter(t, t.TempDir(), "{}")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- platform.Serve(ctx, a.home, platform.Options{}) }()
	platformtest.Until(t, "the platform runs", a.home.Running)
	s := spec(t, "api", "one", "a")
	r, err := a.Publish(t.Context(), s, 0)
	if err == nil {
		_, err = a.Activate(t.Context(), providers.Change{Spec: s, To: &r})
	}
	if err != nil {
		t.Fatal(err)
	}
	running, err := a.Status(t.Context(), "api")
	reached, asking := a.Obstacles(t.Context(), []providers.Spec{s})
	cancel()
	if err := errors.Join(err, asking, <-ended); err != nil {
		t.Fatal(err)
	}
	stopped, err := a.Status(t.Context(), "api")
	why, asking := a.Obstacles(t.Context(), []providers.Spec{s})
	if err != nil || asking != nil || len(reached) > 0 || len(why) != 1 || !why[0].Passing || !stopped.Serves(&r) || stopped.URL != running.URL {
		t.Errorf("%+v %v, then %+v %v, %v, %v", running, reached, stopped, why, err, asking)
	}
	begin := time.Now()
	for i := range 100 {
		if _, err := a.Status(t.Context(), fmt.Sprint("fn", i)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the state of 100 functions took %s", time.Since(begin))
}

func TestLookingAtAHomeThatIsNotThereMakesNothing(t *testing.T) {
	home := filepath.Join(t.TempDir(), "none")
	a := adapter(t, home, "{}")
	_, statusErr := a.Status(t.Context(), "api")
	_, revisionsErr := a.Revisions(t.Context(), "api")
	info, infoErr := newHost(providers.Home{State: home}, "").Info(t.Context())
	stopped, stopErr := newHost(providers.Home{State: home}, "").Stop(t.Context())
	err := errors.Join(
		statusErr, revisionsErr, infoErr, stopErr, a.Remove(t.Context(), "api", 0), a.Prune(t.Context(), "api", providers.Revision{ID: "x"}, 0),
		a.Tail(t.Context(), "api", providers.TailOptions{}, nil),
	)
	if err != nil || info.Running || stopped.Running {
		t.Errorf("%v, %+v", err, info)
	}
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

func TestFailuresOfTheDiskHaveAHint(t *testing.T) {
	for cause, want := range map[error]providers.Kind{
		syscall.ENOSPC: providers.Limit, syscall.EROFS: providers.Failed, context.DeadlineExceeded: providers.Timeout,
	} {
		e := classify("/home/me/ferry", "publish", "api", &fs.PathError{Op: "write", Path: "x", Err: cause})
		if e.Kind != want || want != providers.Timeout && !strings.Contains(e.Hint, "FERRY_HOME") || !errors.Is(e, cause) {
			t.Errorf("%v became %+v", cause, e)
		}
	}
}

func TestACrashHasTheHintOfItsLog(t *testing.T) {
	e := classify("/home/me/ferry", "probe", "api", &platform.Error{Code: platform.CodeCrashed, Log: "ModuleNotFoundError: No module named 'requests'"})
	if e.Kind != providers.Crashed || !strings.Contains(e.Hint, "requests") {
		t.Errorf("got %+v", e)
	}
	for code, want := range map[platform.Code]string{platform.CodeCrashed: "it wrote nothing", platform.CodeMemory: "raise `memory`"} {
		if e := classify("/home/me/ferry", "probe", "api", &platform.Error{Code: code}); e.Kind != providers.Crashed || !strings.Contains(e.Hint, want) {
			t.Errorf("%s gives %+v", code, e)
		}
	}
}

// deployed builds a function for real, has it started ahead, makes it live, and calls it.
func deployed(t *testing.T, fn manifest.Function, files map[string]string) (body string) {
	t.Helper()
	a := served(t)
	for _, issue := range a.Check(fn) {
		if issue.Severity == providers.Blocker {
			t.Skip(issue.Message)
		}
	}
	root := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	artifact, err := (&packager.Packager{Root: root, Cache: t.TempDir()}).Build(t.Context(), fn, a.Platform(fn))
	if err != nil {
		t.Fatal(err)
	}
	s := providertest.Digested(providers.Spec{Function: fn, Artifact: artifact})
	if err := a.Warm(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	ahead, err := a.Revisions(t.Context(), fn.Name)
	if err != nil || len(ahead) != 1 {
		t.Fatalf("%v is stored ahead: %v", ahead, err)
	}
	r, err := a.Publish(t.Context(), s, 0)
	if r != ahead[0] {
		t.Errorf("%v is published, and %v is stored", r, ahead)
	}
	if err == nil {
		err = a.Probe(t.Context(), s, r)
	}
	if err == nil {
		_, err = a.Activate(t.Context(), providers.Change{Spec: s, To: &r})
	}
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.Invoke(t.Context(), fn.Name, providers.Request{Method: "GET", Path: "/x%2Fy?a=1&a=2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cold %t, %.0f ms", res.Cold, res.Seconds*1000)
	return string(res.Body)
}

func interpretedFunction(r manifest.Runtime, s manifest.Style, handler string) manifest.Function {
	return manifest.Function{
		Name: "api", Source: ".", Handler: handler, Runtime: r, Style: s, Env: map[string]string{"WORD": "hello"},
		Memory: 512 << 20, Timeout: manifest.Duration(10 * time.Second),
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "private"}}},
	}
}

func TestANodeFunctionRunsWithItsShim(t *testing.T) {
	body := deployed(t, interpretedFunction("nodejs22", "fetch", "app.js"), map[string]string{
		"app.js": "export default { fetch: (r) => new Response(process.env.WORD + ' ' + new URL(r.url).pathname + new URL(r.url).search) }",
	})
	if body != "hello /x%2Fy?a=1&a=2" {
		t.Errorf("got %q", body)
	}
}

func TestAPythonFunctionRunsWithItsShim(t *testing.T) {
	body := deployed(t, interpretedFunction("python3.13", "wsgi", "app:app"), map[string]string{
		"app.py": "import os\ndef app(env, start):\n    start('200 OK', [('Content-Type', 'text/plain')])\n" +
			"    return [(os.environ['WORD'] + ' ' + env['QUERY_STRING']).encode()]\n",
	})
	if body != "hello a=1&a=2" {
		t.Errorf("got %q", body)
	}
}
