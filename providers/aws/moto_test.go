package aws

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/names"
)

// TestMain has more tests run at once than there are cores, unless the command line says how many: most of the time they
// wait for a cloud to be done.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	code := m.Run()
	moto.stop()
	os.Exit(code)
}

// motoServer is the moto server of this run of the tests. It starts when the first test asks for it.
type motoServer struct {
	once    sync.Once
	url     string
	err     error
	process *exec.Cmd
}

var moto motoServer

// motoURL is where moto listens. Tests share its account, so they name what they make after themselves.
func motoURL(t *testing.T) string {
	t.Helper()
	moto.once.Do(moto.start)
	if moto.err != nil {
		t.Skipf("needs moto (pip install 'moto[server]'): %v", moto.err)
	}
	return moto.url
}

// motoScript is moto, which ends with its stdin: also when this process is killed.
const motoScript = `
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
`

func (m *motoServer) start() {
	if m.err = exec.Command("python3", "-c", "import moto.server").Run(); m.err != nil {
		return
	}
	c := exec.Command("python3", "-c", motoScript)
	c.Env = append(os.Environ(), "MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	stderr, err := c.StderrPipe()
	if err == nil {
		_, err = c.StdinPipe()
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		m.err = err
		return
	}
	m.process = c
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if found := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text()); found != "" {
			m.url = found
			break
		}
	}
	if m.url == "" {
		m.err = errors.New("it ended without saying where it listens")
		return
	}
	go func() { // it logs every request
		for lines.Scan() {
		}
	}()
	res, err := http.Post(m.url+"/moto-api/config", "application/json", strings.NewReader(`{"lambda":{"use_docker":false}}`))
	if m.err = err; err == nil {
		_ = res.Body.Close()
	}
}

func (m *motoServer) stop() {
	if m.process != nil {
		_ = m.process.Process.Kill()
		_ = m.process.Wait()
	}
}

// environment looks variables up.
type environment = func(name string) (string, bool)

// everywhere runs a test against moto, which others wrote, and against the stricter cloud of awstest.
func everywhere(t *testing.T, test func(t *testing.T, env environment)) {
	t.Run("moto", func(t *testing.T) { test(t, motoEnv(t)) })
	t.Run("awstest", func(t *testing.T) { test(t, awstest.Start(t).Env) })
}

// motoEnv is the environment of a user of moto.
func motoEnv(t *testing.T) environment {
	url := motoURL(t)
	return func(name string) (string, bool) {
		value, ok := map[string]string{
			"AWS_ACCESS_KEY_ID": "AKIAMOTO", "AWS_SECRET_ACCESS_KEY": "moto", "AWS_REGION": "eu-west-1", "FERRY_AWS_ENDPOINT": url,
		}[name]
		return value, ok
	}
}

// haste is how many times shorter the pauses of the adapter are here: the stand-in counts looks, and is ready after so many.
const haste = 20

// newTestAdapter configures the target's block, in JSON, for a service named after the test. The SDK hardly pauses between two
// tries of a call.
func newTestAdapter(t testing.TB, env environment, block string) *Adapter {
	t.Helper()
	node := new(manifest.Node)
	if err := json.Unmarshal([]byte(block), node); err != nil {
		t.Fatal(err)
	}
	a, err := New(providers.Config{Service: serviceOf(t), Stage: "dev", Target: "aws", Block: node, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	adapter := a.(*Adapter)
	adapter.pace = &pace{reads: rate.NewLimiter(rate.Inf, 0), rest: rate.NewLimiter(rate.Inf, 0)}
	adapter.reach.longest = longestWait / 1000
	return adapter
}

// serviceOf is a service of this run of the test: its temporary folder has a name that no other run has.
func serviceOf(t testing.TB) string {
	words := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()+filepath.Dir(t.TempDir())), "-")
	return names.Rule{Most: 32}.Of("t-" + strings.Trim(words, "-"))
}

// bucketBlock is a target's block with a bucket of the test's own.
func bucketBlock(t *testing.T) string {
	return fmt.Sprintf(`{"bucket": %q}`, "ferry-"+serviceOf(t))
}
