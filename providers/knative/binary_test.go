package knative

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// checkout is a folder with a service in it, which the built ferry deploys.
type checkout struct {
	*testing.T
	ferry, dir string
}

// built is ferry as its users have it.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ferry")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "../../cmd/ferry").CombinedOutput(); err != nil {
		t.Fatalf("building ferry: %v\n%s", err, out)
	}
	return program
}

// checkout has a version of a service of one program.
func (c stand) checkout(t *testing.T, ferry, version string) checkout {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "run"), says(t, version), 0o700)
	write(t, filepath.Join(dir, "ferry.yaml"), fmt.Sprintf(`service: shop
default_target: cluster
functions:
  api: {runtime: custom, style: server, handler: run, events: [http: {}], env: {WORD: a}}
targets:
  cluster: {provider: knative, kubeconfig: %q, namespace: %q, registry: %q, base_image: %q, ingress: %q, local_ingress: %q}
`, c.kubeconfig, c.Namespace, c.Registry, c.base, c.Ingress, c.Local), 0o600)
	return checkout{t, ferry, dir}
}

// deploy begins a deploy, and gives what it ends with.
func (c checkout) deploy() <-chan string {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), c.ferry, "deploy", "--yes")
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "FERRY_HOME="+c.TempDir())
	ended := make(chan string, 1)
	go func() {
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		var failed *exec.ExitError
		switch err := cmd.Run(); {
		case errors.As(err, &failed):
			ended <- fmt.Sprintf("exit %d: %s", failed.ExitCode(), out.String())
		case err != nil:
			ended <- err.Error()
		default:
			ended <- "exit 0: "
		}
	}()
	return ended
}

func (c checkout) ends(ended <-chan string, code int) {
	c.Helper()
	if got, want := <-ended, fmt.Sprintf("exit %d: ", code); len(got) < len(want) || got[:len(want)] != want {
		c.Errorf("want %sgot %s", want, got)
	}
}

func TestOneOfTwoDeploysWinsAndTheOtherExits6(t *testing.T) {
	t.Parallel()
	oneOfTwoWins(t, newCluster(t))
}

// oneOfTwoWins has two deploys meet, and a deploy and somebody who changes the Route with kubectl: what does not change what serves is
// written over, what does is not.
func oneOfTwoWins(t *testing.T, c stand) {
	ferry := built(t)
	a := c.process(t, "shop", "dev")
	serves := func(want string) {
		t.Helper()
		if version, _ := c.call(t, a, "api"); version != want {
			t.Errorf("%q serves in place of %q", version, want)
		}
	}
	first := c.checkout(t, ferry, "one")
	first.ends(first.deploy(), 0)
	old, err := a.Status(t.Context(), "api")
	if err != nil || old.Revision == nil {
		t.Fatalf("nothing is live: %v", err)
	}
	second := c.checkout(t, ferry, "two")
	held, goOn := c.hold("patch routes")
	winner := second.deploy()
	<-held
	third := c.checkout(t, ferry, "three")
	third.ends(third.deploy(), 6)
	goOn()
	second.ends(winner, 0)
	serves("two")
	owner := c.process(t, "shop", "dev", map[string]any{"kubeconfig": c.owner})
	held, goOn = c.hold("patch routes")
	winner = third.deploy()
	<-held
	if err := annotate(t, owner, "api"); err != nil {
		t.Fatal(err)
	}
	goOn()
	third.ends(winner, 0)
	serves("three")
	held, goOn = c.hold("patch routes")
	fourth := c.checkout(t, ferry, "four")
	loser := fourth.deploy()
	<-held
	overwrite(t, owner, "api", *old.Revision)
	goOn()
	fourth.ends(loser, 6)
	serves("one")
	last := c.checkout(t, ferry, "four")
	last.ends(last.deploy(), 6)
	serves("one")
}

// annotate changes a Route, but not what serves.
func annotate(t *testing.T, a *Adapter, fn string) error {
	c, err := a.connect(t.Context())
	if err == nil {
		_, err = change[route](t.Context(), c, routes, c.object(fn), func(*route) (*merge, error) {
			return &merge{annotations: map[string]any{"example.com/by": "kubectl"}}, nil
		})
	}
	return err
}
