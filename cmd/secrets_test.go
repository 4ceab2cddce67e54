package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local"
)

// keeper is a manifest with a secret, at the local platform, which does not run.
type keeper struct {
	dir     string
	stdin   string
	typed   string // what a person types; "" is no terminal
	stopped error  // the person presses Ctrl-C instead
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{dir: t.TempDir()}
	text := "service: shop\nfunctions:\n  api: {runtime: custom, style: server, handler: run, secrets: {KEY: stripe-key}}\n"
	for name, content := range map[string]string{"ferry.yaml": text, "run": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func (k *keeper) must(t *testing.T, code int, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	terminal := k.typed != "" || k.stopped != nil
	got := Main(t.Context(), Invocation{
		Args: args, Environ: []string{"FERRY_HOME=" + filepath.Join(k.dir, ".ferry")}, Dir: k.dir, Now: time.Now,
		Streams: Streams{
			In: strings.NewReader(k.stdin), InTerminal: terminal, Out: Output{Writer: &out}, Err: Output{Writer: &errs, Terminal: terminal},
			Hidden: func(context.Context) ([]byte, error) { return []byte(k.typed), k.stopped },
		},
		Providers: func() []providers.Provider { return []providers.Provider{local.Provider()} },
	})
	if got != code {
		t.Fatalf("ferry %s exits with %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	if all := out.String() + errs.String(); strings.Contains(all, "hunter2") {
		t.Errorf("the value is shown: %s", all)
	}
	return ran{got, out.String(), errs.String()}
}

// value is what the platform would give to an instance, with the newline that ends the file.
func (k *keeper) value(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(k.dir, ".ferry", "state", "secrets", "shop", "dev", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n")
}

func TestOneNewlineAtTheEndOfAValueIsNotPartOfIt(t *testing.T) {
	k := newKeeper(t)
	for stdin, want := range map[string]string{
		"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", "hunter2\n\n": "hunter2\n", "a\nb\n": "a\nb", "x\r": "x\r",
	} {
		k.stdin = stdin
		k.must(t, exitDone, "secrets", "set", "stripe-key")
		if got := k.value(t, "stripe-key"); got != want {
			t.Errorf("%q became %q, not %q", stdin, got, want)
		}
	}
}

func TestASecretIsTypedWithoutBeingShown(t *testing.T) {
	k := newKeeper(t)
	k.stdin, k.typed = "never read\n", "hunter2"
	got := k.must(t, exitDone, "secrets", "set", "stripe-key")
	if k.value(t, "stripe-key") != "hunter2" || !strings.Contains(got.err, "stripe-key (not shown):") || !strings.Contains(got.out, "used by api") {
		t.Errorf("%+v", got)
	}
	k.must(t, exitUsage, "secrets", "set", "stripe-key", "--json")
	k.stopped = context.Canceled
	k.must(t, exitInterrupted, "secrets", "set", "stripe-key")
}

func TestAnEmptyValueOrABadNameIsRefused(t *testing.T) {
	k := newKeeper(t)
	for _, stdin := range []string{"", "\n"} {
		k.stdin = stdin
		if got := k.must(t, exitUsage, "secrets", "set", "stripe-key"); !strings.Contains(got.err, "nothing was set") {
			t.Error(got.err)
		}
	}
	k.stdin = "hunter2"
	k.must(t, exitUsage, "secrets", "set")
	if got := k.must(t, exitFailed, "secrets", "set", "../stripe-key"); !strings.Contains(got.err, "cannot be a secret's name") {
		t.Error(got.err)
	}
}

func TestRemovingASecretAsksForItsName(t *testing.T) {
	k := newKeeper(t)
	if got := k.must(t, exitNotFound, "secrets", "rm", "stripe-key"); !strings.Contains(got.err, "has no value") {
		t.Error(got.err)
	}
	k.stdin = "hunter2"
	k.must(t, exitDone, "secrets", "set", "stripe-key")
	if got := k.must(t, exitNotFound, "secrets", "rm", "stripe-kee", "--yes"); !strings.Contains(got.err, "did you mean stripe-key?") {
		t.Error(got.err)
	}
	if got := k.must(t, exitUsage, "secrets", "rm", "stripe-key"); !strings.Contains(got.err, "add --yes") {
		t.Error(got.err)
	}
	k.typed, k.stdin = "x", "y\n"
	if got := k.must(t, exitUsage, "secrets", "rm", "stripe-key"); !strings.Contains(got.err, "Without it api cannot start") {
		t.Error(got.err)
	}
	k.stdin = "stripe-key\n"
	k.must(t, exitDone, "secrets", "rm", "stripe-key")
	if got := k.must(t, exitDone, "secrets", "list"); !strings.Contains(got.out, "missing") {
		t.Error(got.out)
	}
}
