//go:build unix

package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// TestMain is also the function under test, and the platform when it is started as ferry.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(platformtest.Switch) != "":
		platformtest.Main()
	case filepath.Base(os.Args[0]) == "ferry":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		err := Serve(ctx, Home(os.Getenv("PLATFORM_HOME")), Options{Grace: time.Second})
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shop is the service of all tests.
var shop = Scope{Service: "shop", Stage: "dev"}

// place is a home with a platform that runs in the test's process.
type place struct {
	*testing.T
	home   Home
	client *Client
}

func serve(t *testing.T, o Options) *place {
	t.Helper()
	p := &place{T: t, home: Home(t.TempDir())}
	p.run(o)
	return p
}

// run starts a platform and returns what ends it.
func (p *place) run(o Options) (stop func()) {
	p.Helper()
	p.client = NewClient(p.home, Launch{})
	if o.Grace == 0 {
		o.Grace = time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, p.home, o) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			p.Error(err)
		}
		ended <- nil
	}
	p.Cleanup(stop)
	platformtest.Until(p.T, "the platform runs", p.home.Running)
	return stop
}

// revision describes a version of the test's function.
func revision(version string, change ...func(*Revision)) Revision {
	r := Revision{
		ID: version, Digest: "sha256:" + version, Command: []string{os.Args[0]},
		Env:     map[string]string{platformtest.Switch: "1"},
		Timeout: 10 * time.Second, Max: 10, Concurrency: 10, HTTP: true, Readiness: ReadyShim,
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func (p *place) put(function string, r Revision) {
	p.Helper()
	if err := p.home.PutRevision(p.Context(), shop, function, r, platformtest.Zip(p.T, map[string]string{"version": r.ID})); err != nil {
		p.Fatal(err)
	}
}

// swap makes a stored revision live; "" is none.
func (p *place) swap(function, from, to string) Table {
	p.Helper()
	table, err := p.client.Switch(p.Context(), SwitchRequest{Scope: shop, Changes: []Change{{function, from, to}}})
	if err != nil {
		p.Fatal(err)
	}
	return table
}

// live stores a revision and makes it the first to be live.
func (p *place) live(function string, r Revision) {
	p.Helper()
	p.put(function, r)
	p.swap(function, "", r.ID)
}

func (p *place) url(path string) string {
	p.Helper()
	t, err := p.home.Table(shop)
	if err != nil {
		p.Fatal(err)
	}
	return URL(t.Port, "") + path
}

func (p *place) get(path string) (int, string) {
	p.Helper()
	status, body, err := get(p.url(path))
	if err != nil {
		p.Fatal(err)
	}
	return status, body
}

func get(url string) (int, string, error) {
	res, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), errors.Join(err, res.Body.Close())
}

func (p *place) echo(path string) platformtest.Answer {
	p.Helper()
	status, body := p.get(path)
	var a platformtest.Answer
	if err := json.Unmarshal([]byte(body), &a); status != http.StatusOK || err != nil {
		p.Fatalf("%s answered %d: %s", path, status, body)
	}
	return a
}

func (p *place) instances() int {
	p.Helper()
	i, err := p.client.Info(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	n := 0
	for _, s := range i.Services {
		n += s.Instances
	}
	return n
}

func (p *place) log(function string) (text string) {
	p.Helper()
	err := p.home.Tail(p.Context(), shop, function, TailOptions{}, func(l Line) error {
		text += l.Stream + ": " + l.Text + "\n"
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return text
}

func wantCode(t *testing.T, err error, code Code) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("want an error of code %s, got %v", code, err)
	}
	return e
}
