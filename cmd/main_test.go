package cmd

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

// ran is what one run of ferry left behind.
type ran struct {
	code     int
	out, err string
}

// ferry runs ferry in this process, without any provider.
func ferry(t *testing.T, environ []string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := Main(t.Context(), Invocation{
		Args: args, Environ: environ, Dir: t.TempDir(), Version: "v1.2.3", Now: time.Now,
		Streams:   Streams{In: strings.NewReader(""), Out: Output{Writer: &out}, Err: Output{Writer: &errs}},
		Providers: func() []providers.Provider { return nil },
	})
	return ran{code, out.String(), errs.String()}
}

func TestUsageErrorsExitWith2AndSuggest(t *testing.T) {
	for _, c := range []struct {
		args    string
		environ []string
		want    []string
	}{
		{args: "depoly", want: []string{`unknown command "depoly" for ferry`, "did you mean deploy?"}},
		{args: "local stopp", want: []string{`unknown command "stopp" for ferry local`, "did you mean stop?"}},
		{args: "deploy --mesage x", want: []string{"unknown flag: --mesage", "did you mean --message?"}},
		{args: "deploy --target", want: []string{"flag needs an argument: --target"}},
		{args: "rollback --to x", want: []string{`invalid argument "x"`}},
		{args: "rollback --to 0", want: []string{"numbered from 1"}},
		{args: "plan --progress loud", want: []string{`unknown form of progress "loud"`}},
		{args: "version extra", want: []string{`takes no arguments, but got "extra"`}},
		{args: "invoke", want: []string{"ferry invoke needs the name of a function"}},
		{args: "completion tcsh", want: []string{`unknown shell "tcsh"`}},
		{args: "version", environ: []string{"FERRY_YES=perhaps"}, want: []string{`FERRY_YES is "perhaps"`}},
		{args: "version", environ: []string{"FERRY_TIMEOUT=soon"}, want: []string{`FERRY_TIMEOUT is "soon"`, "such as 90s or 10m"}},
		{args: "version --timeout -1s", want: []string{"--timeout -1s is negative"}},
		{args: "version -C nowhere", want: []string{"the folder nowhere does not exist"}},
		{args: "validate -q", want: []string{"ferry.yaml"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := ferry(t, c.environ, strings.Fields(c.args)...)
			if got.code != exitUsage || got.out != "" {
				t.Errorf("exit code %d and stdout %q, want 2 and nothing", got.code, got.out)
			}
			for _, want := range c.want {
				if !strings.Contains(got.err, want) {
					t.Errorf("stderr has no %q:\n%s", want, got.err)
				}
			}
		})
	}
}

func TestUsageErrorsAreJSONWhenAskedFor(t *testing.T) {
	for _, c := range []struct {
		environ []string
		args    []string
		command string
	}{
		{nil, []string{"depoly", "--json"}, ""},
		{nil, []string{"--json", "deploy", "--wat"}, "deploy"},
		{nil, []string{"local", "nope", "--json=true"}, "local"},
		{[]string{"FERRY_JSON=1"}, []string{"deploy", "--wat"}, "deploy"},
		{[]string{"FERRY_JSON=1"}, nil, ""},
	} {
		got := ferry(t, c.environ, c.args...)
		var doc struct {
			OK      *bool
			Command *string
			Outcome string
			Errors  []map[string]any
		}
		if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.err != "" || got.code != exitUsage {
			t.Fatalf("%v: %v, exit code %d, stdout %q, stderr %q", c.args, err, got.code, got.out, got.err)
		}
		if doc.OK == nil || *doc.OK || doc.Command == nil || *doc.Command != c.command || doc.Outcome != "unchanged" {
			t.Errorf("%v: %s", c.args, got.out)
		}
		if len(doc.Errors) != 1 || doc.Errors[0]["kind"] != "usage" {
			t.Fatalf("%v: errors are %v", c.args, doc.Errors)
		}
		for _, field := range []string{"kind", "message", "hint", "function", "provider", "file", "line", "column"} {
			if _, ok := doc.Errors[0][field]; !ok {
				t.Errorf("%v: the error has no field %q", c.args, field)
			}
		}
	}
}

func TestTheFlagWinsOverTheEnvironment(t *testing.T) {
	if got := ferry(t, []string{"FERRY_JSON=true"}, "version"); !strings.HasPrefix(got.out, `{"ok":true,"command":"version"`) {
		t.Errorf("FERRY_JSON=true: %s", got.out)
	}
	if got := ferry(t, []string{"FERRY_PROGRESS=loud"}, "version", "--progress", "plain"); got.code != exitDone {
		t.Errorf("--progress=plain over FERRY_PROGRESS=loud: exit code %d, %s", got.code, got.err)
	}
}

func TestVersionSaysWhichFerryThisIs(t *testing.T) {
	got := ferry(t, nil, "version")
	if got.code != exitDone || !strings.HasPrefix(got.out, "ferry v1.2.3\n") || got.err != "" {
		t.Errorf("%+v", got)
	}
}

func TestEveryShellHasACompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := ferry(t, nil, "completion", shell); got.code != exitDone || !strings.Contains(got.out, "ferry") {
			t.Errorf("%s: exit code %d, %s", shell, got.code, got.err)
		}
	}
}

func TestHelpGoesToStdout(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"deploy", "--help"}, {"local"}} {
		if got := ferry(t, nil, args...); got.code != exitDone || !strings.Contains(got.out, "Usage:") || got.err != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestAPanicIsNotMistakenForAUsageError(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main(t.Context(), Invocation{
		Args: []string{"local", "status"}, Environ: []string{"FERRY_HOME=home"}, Dir: t.TempDir(),
		Streams:   Streams{In: strings.NewReader(""), Out: Output{Writer: &out}, Err: Output{Writer: &errs}},
		Providers: func() []providers.Provider { panic("boom") },
	})
	if code != exitFailed || !strings.Contains(errs.String(), "ferry crashed, which is a bug in ferry: boom") {
		t.Errorf("exit code %d, stderr %s", code, errs.String())
	}
}

func TestHeadersOfInvokeAreChecked(t *testing.T) {
	headers, err := parseHeaders([]string{"x-a: 1", "X-A:2"})
	if diff := cmp.Diff(map[string][]string{"X-A": {"1", "2"}}, headers); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := parseHeaders([]string{"nonsense"}); exitCode(err) != exitUsage {
		t.Errorf("a header without a colon: %v", err)
	}
}
