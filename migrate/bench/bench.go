// Package bench tells how long a function takes to answer on a target, and to start.
package bench

import (
	"context"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/migrate/chart"
	"github.com/ferryfn/ferry/providers"
)

// Target is what was measured of one.
type Target struct {
	Cold   Series `json:"cold"` // starts of an instance, until the handler was loaded
	Warm   Series `json:"warm"` // answers of an instance that was there
	Failed int    `json:"failed"`
	// Unforced says why no start was forced; "" is that they were.
	Unforced string `json:"unforced,omitempty"`
}

// Series is a number of times.
type Series struct {
	Count int `json:"count"`
	chart.Latency
}

// Of are the percentiles of times.
func Of(times []float64) Series { return Series{len(times), chart.Percentiles(times)} }

// Options say what is sent.
type Options struct {
	Path      string
	Requests  int
	PerSecond float64 // requests a second at most
}

// Warm sends GET requests to what is live, one after the other. An answer for which an instance had to be started is a start,
// where the target tells, and so is the first one, which is left out.
func Warm(ctx context.Context, to providers.Invoker, function string, o Options) (warm, cold []float64, failed int, err error) {
	pace := rate.NewLimiter(rate.Limit(o.PerSecond), 1)
	for i := range o.Requests + 1 {
		if err := pace.Wait(ctx); err != nil {
			return nil, nil, 0, fmt.Errorf("sending the requests: %w", err)
		}
		begun := time.Now()
		got, err := to.Invoke(ctx, function, providers.Request{Method: "GET", Path: o.Path})
		took := time.Since(begun).Seconds()
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, nil, 0, err
		case err != nil && i == 0:
			return nil, nil, 0, err // nothing serves there
		case err != nil || got.Status >= 500:
			failed++
		case got.Cold:
			cold = append(cold, took)
		case i > 0:
			warm = append(warm, took)
		}
	}
	return warm, cold, failed, nil
}

// Bars are the percentiles of all targets, with those of one kind beside each other.
func Bars(targets map[string]Target) []chart.Bar {
	names := slices.Sorted(maps.Keys(targets))
	var all []chart.Bar
	for _, kind := range []struct {
		what string
		of   func(Target) Series
	}{
		{"a start", func(t Target) Series { return t.Cold }},
		{"an answer", func(t Target) Series { return t.Warm }},
	} {
		for _, p := range []struct {
			what string
			of   func(chart.Latency) float64
		}{
			{"half of them", func(l chart.Latency) float64 { return l.P50 }},
			{"95 of 100", func(l chart.Latency) float64 { return l.P95 }},
			{"99 of 100", func(l chart.Latency) float64 { return l.P99 }},
		} {
			for i, name := range names {
				if s := kind.of(targets[name]); s.Count > 0 {
					all = append(all, chart.Bar{Name: fmt.Sprintf("%s, %s, %s", name, kind.what, p.what), Seconds: p.of(s.Latency), Series: i})
				}
			}
		}
	}
	return all
}

// HTML is a page that needs no other file.
func HTML(function string, targets map[string]Target) []byte {
	var b strings.Builder
	b.WriteString("<table><tr><th>target<th>starts<th>answers<th>failed</tr>\n")
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		t := targets[name]
		fmt.Fprintf(&b, "<tr><td>%s<td>%d %s<td>%d<td>%d</tr>\n", html.EscapeString(name), t.Cold.Count, html.EscapeString(t.Unforced), t.Warm.Count, t.Failed)
	}
	b.WriteString("</table>\n")
	return chart.Page("How long "+function+" takes", b.String()+chart.SVG("times", Bars(targets)))
}
