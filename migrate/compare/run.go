package compare

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/ferryfn/ferry/migrate/chart"
)

// Call sends a request to a place.
type Call func(ctx context.Context, r Request) Answer

// Options say how the requests are sent.
type Options struct {
	Rules     Rules
	Methods   []string // requests with another method are left out; none are GET, HEAD and OPTIONS
	AtOnce    int      // requests under way at the same time; at least 1
	PerSecond float64  // requests a second, to both places each; 0 is as fast as they answer
}

// Different is a request whose answers differ.
type Different struct {
	Request     string       `json:"request"`
	Number      int          `json:"number"` // of the request, from 1
	Differences []Difference `json:"differences"`
}

// Report is what came of all requests.
type Report struct {
	Requests  int         `json:"requests"` // that were sent
	Equal     int         `json:"equal"`
	Different []Different `json:"different"`
	Left      int         `json:"left_out"` // for their method
	Latency   struct {
		From chart.Latency `json:"from"`
		To   chart.Latency `json:"to"`
	} `json:"latency"`
	times [2][]float64
}

// pair is a request with both answers.
type pair struct {
	number   int
	request  Request
	from, to Answer
}

// Run sends each request to both places, first to the one and then to the other, and compares the answers. It fails only
// when ctx ends.
func Run(ctx context.Context, all []Request, from, to Call, o Options) (Report, error) {
	methods := o.Methods
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD", "OPTIONS"}
	}
	limit := rate.Inf
	if o.PerSecond > 0 {
		limit = rate.Limit(o.PerSecond)
	}
	pace := rate.NewLimiter(limit, 1)
	pairs := make([]*pair, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(o.AtOnce, 1))
	report := Report{Different: []Different{}}
	for i, r := range all {
		if !slices.Contains(methods, r.Method) {
			report.Left++
			continue
		}
		group.Go(func() error {
			if err := pace.Wait(ctx); err != nil {
				return err
			}
			p := &pair{number: i + 1, request: r, from: from(ctx, r), to: to(ctx, r)}
			pairs[i] = p
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return report, fmt.Errorf("sending the requests: %w", err)
	}
	for _, p := range pairs {
		if p != nil {
			report.add(p, o.Rules)
		}
	}
	report.Latency.From, report.Latency.To = chart.Percentiles(report.times[0]), chart.Percentiles(report.times[1])
	return report, nil
}

func (r *Report) add(p *pair, rules Rules) {
	r.Requests++
	for i, a := range []Answer{p.from, p.to} {
		if a.Err == nil {
			r.times[i] = append(r.times[i], a.Seconds)
		}
	}
	found := rules.Differences(p.from, p.to)
	if len(found) == 0 {
		r.Equal++
		return
	}
	r.Different = append(r.Different, Different{p.request.Name(), p.number, found})
}
