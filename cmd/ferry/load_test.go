//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestReleasesAndRollbacksUnderLoadLoseNoRequestAndMixNothing(t *testing.T) {
	t.Parallel()
	const releases = 20
	l := &load{shop: newShop(t)}
	for n := 1; n <= releases; n++ {
		l.plan = append(l.plan, fmt.Sprintf("v%d", n))
		if n%4 == 0 {
			l.plan = append(l.plan, fmt.Sprintf("v%d", n-1)) // by a rollback
		}
	}
	for place, version := range l.plan {
		if back := place%5 == 4; back {
			l.run(l.plan[place-1], "rollback", "--yes")
		} else {
			l.release(version)
		}
		l.live.Store(int64(place))
		if place == 0 {
			defer l.begin(8)()
		}
		l.more()
	}
	t.Logf("%d requests over %d releases and %d rollbacks", l.answered.Load(), releases, len(l.plan)-releases)
}

// load is clients that call both functions of a shop in turn.
type load struct {
	*shop
	plan     []string     // the versions in the order in which they go live
	live     atomic.Int64 // where in the plan ferry has said that it is
	answered atomic.Int64
}

// release deploys a version that is in the code and in the configuration, so that an answer shows a mix of the two.
func (l *load) release(version string) {
	l.Helper()
	l.write(version)
	packagertest.Write(l.T, filepath.Join(l.dir, version, "ferry.yaml"), strings.Replace(shopManifest, "handler: run", "handler: run, env: {GREETING: "+version+"}", 1))
	c := l.command(version, nil, "deploy", "-m", version)
	if code, out := ran(c); code != 0 {
		l.Fatalf("deploying %s exits %d: %s", version, code, out)
	}
	l.learn(c)
}

// begin has clients call, together as often as leaves the machine something for ferry and other tests.
func (l *load) begin(clients int) (end func()) {
	urls := []string{l.urls["api"], l.urls["web"]}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: time.Minute}
	pace := rate.NewLimiter(1000, clients)
	ctx, cancel := context.WithCancel(l.Context())
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for seen, n := 0, 0; pace.Wait(ctx) == nil; n++ {
				var err error
				if seen, err = l.call(client, urls[n%2], max(seen, int(l.live.Load()))); err != nil {
					l.Error(err)
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// call expects an answer of one version, and of none that was replaced before this client asked. It returns where in the plan that is
// at least: an answer of the other function after it is no older.
func (l *load) call(client *http.Client, url string, seen int) (int, error) {
	res, err := client.Get(url)
	if err != nil {
		return seen, err
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return seen, err
	}
	code, rest, _ := strings.Cut(string(body), " ")
	configuration, _, _ := strings.Cut(rest, " ")
	if res.StatusCode != http.StatusOK || code != configuration {
		return seen, fmt.Errorf("%s answers %s: code %q, configuration %q", url, res.Status, code, configuration)
	}
	for place := seen; place < len(l.plan); place++ {
		if l.plan[place] == code {
			l.answered.Add(1)
			return place, nil
		}
	}
	return seen, fmt.Errorf("%s answers as %s after %s", url, code, l.plan[seen])
}

// more waits for further answers.
func (l *load) more() {
	l.Helper()
	wanted := l.answered.Load() + 20
	packagertest.Poll(l.T, func() bool { return l.answered.Load() >= wanted || l.Failed() })
}
