package knative

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/tail"
)

// Tail reads the logs of the pods that there are. What a pod wrote that is gone is with whatever collects the cluster's logs.
func (a *Adapter) Tail(ctx context.Context, fn string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return a.classify("logs", fn, err)
	}
	log := tail.Log{Late: 2 * time.Second, Every: time.Second, Read: func(ctx context.Context, from, to time.Time, each func(tail.Entry) error) error {
		return c.logs(ctx, fn, from, to, each)
	}}
	return log.Tail(ctx, o, emit)
}

func (c *connection) logs(ctx context.Context, fn string, from, to time.Time, each func(tail.Entry) error) error {
	running, err := list[pod](ctx, c, pods, map[string]string{labelOf: c.object(fn)})
	if err != nil {
		return c.classify("logs", fn, err)
	}
	for _, p := range running {
		if err := c.podLog(ctx, fn, p, from, to, each); err != nil {
			return err
		}
	}
	return nil
}

// podLog hands on the lines of a pod. Kubernetes takes whole seconds, so that the first of them may be too early.
func (c *connection) podLog(ctx context.Context, fn string, p pod, from, to time.Time, each func(tail.Entry) error) error {
	q := url.Values{"container": {"user-container"}, "timestamps": {"true"}, "sinceTime": {from.UTC().Format(time.RFC3339)}}
	res, err := c.open(ctx, call{method: http.MethodGet, path: c.path(pods, p.Name) + "/log", query: q}, nil)
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusBadRequest { // it is gone, or has not begun
		return nil
	}
	if err != nil {
		return c.classify("logs", fn, err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	same := map[string]int{}
	for lines.Scan() {
		stamp, text, _ := strings.Cut(lines.Text(), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil || at.Before(from) || !to.IsZero() && !at.Before(to) {
			continue
		}
		same[stamp]++
		line := providers.LogLine{Time: at, Function: fn, Revision: p.Labels["serving.knative.dev/revision"], Instance: p.Name, Stream: "stdout", Text: text}
		if err := each(tail.Entry{ID: fmt.Sprintf("%s %s %d", p.Name, stamp, same[stamp]), At: at, Lines: []providers.LogLine{line}}); err != nil {
			return err
		}
	}
	return c.classify("logs", fn, lines.Err())
}
