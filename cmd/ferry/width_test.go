package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/providers/all"
)

const wideManifest = `service: storefront-checkout
default_target: aws
functions:
  checkout-notifications-api: {runtime: python3.13, handler: "app:app", events: [http: {}], memory: 256MB, env: {ORDERS_TOPIC_ARN: "arn:aws:sns:eu-west-1:123456789012:storefront-orders-production"}}
  reconcile-abandoned-carts: {runtime: python3.13, handler: "app:app", events: [http: {auth: private}]}
targets:
  aws: {provider: aws, region: eu-west-1, account: "123456789012"}
`

// terminal is a person's, of so many columns; 0 is none.
func terminal(t *testing.T, cloud *awstest.Cloud, dir string, width int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	environ := []string{"TERM=dumb", "NO_COLOR=1", "FERRY_HOME=" + filepath.Join(dir, ".ferry"), "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "USER=ada"}
	cmd.Main(t.Context(), cmd.Invocation{
		Args: args, Environ: append(environ, cloud.Environ()...), Dir: dir, Now: time.Now, Version: "v1.2.3", Providers: all.Providers,
		Streams: cmd.Streams{
			In: strings.NewReader(""), Width: width,
			Out: cmd.Output{Writer: &out, Terminal: width > 0}, Err: cmd.Output{Writer: &out, Terminal: width > 0},
		},
	})
	return out.String()
}

func TestANarrowTerminalShowsAllThatAWideOneShows(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	cloud, dir := awstest.Start(t), t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("app.py", "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hi']\n")
	write("ferry.yaml", wideManifest)
	terminal(t, cloud, dir, 80, "deploy", "-m", "give the checkout more memory, for it was killed on Friday night")
	write("ferry.yaml", strings.ReplaceAll(wideManifest, "256MB", "512MB"))
	for _, command := range []string{"plan", "status", "releases", "doctor", "package", "secrets list", "validate", "rollback --to 7"} {
		args := strings.Fields(command)
		whole := terminal(t, cloud, dir, 0, args...)
		for _, width := range []int{40, 80} {
			got := terminal(t, cloud, dir, width, args...)
			if diff := cmp.Diff(strings.Fields(whole), strings.Fields(got)); diff != "" {
				t.Errorf("ferry %s at %d columns says something else than without a limit:\n%s\n%s", command, width, diff, got)
			}
		}
	}
}
