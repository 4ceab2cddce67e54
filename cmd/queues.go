package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// queuesResult is what waits for functions.
type queuesResult struct {
	Queues []queueResult `json:"queues"`
	place  string
}

// queueResult is one queue, or what waits for a function of a topic, a bucket or a schedule.
type queueResult struct {
	Kind     string       `json:"kind"`
	Name     string       `json:"name"`
	Function string       `json:"function,omitempty"`
	Depth    int          `json:"depth"`                 // messages that wait or are under way; -1 is that the provider does not say
	Age      *float64     `json:"age_seconds,omitempty"` // of the oldest of them, where the provider says it
	Dead     []deadResult `json:"dead"`                  // oldest first
}

// deadResult is a message that was tried as often as it may be.
type deadResult struct {
	ID       string    `json:"id"`
	Sent     time.Time `json:"sent"`
	Died     time.Time `json:"died"`
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason"`
	Body     string    `json:"body"`
	Encoding string    `json:"encoding"` // utf-8 or base64
}

// redriveResult says how many dead letters are delivered again.
type redriveResult struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
}

func newQueues(a *app, out *outcome) *cobra.Command {
	c := a.command(out, &cobra.Command{
		Use:   "queues",
		Short: "Show the messages that wait for functions, and those that failed",
		Long: `Show what waits in queues and for the functions that are bound to topics, buckets and schedules: how many
messages, how old the oldest is, and the dead letters with the error of the handler.`,
		Args: unknownCommand,
	}, func(ctx context.Context, _ []string) (result, error) {
		p, messenger, err := carrierOf[providers.Messenger](a.deployed())
		if err != nil {
			return nil, err
		}
		all, err := messenger.Queues(ctx)
		if err != nil {
			return nil, err
		}
		return newQueuesResult(p, all, a.Now()), nil
	})
	c.AddCommand(a.command(out, &cobra.Command{
		Use:     "redrive name",
		Short:   "Deliver the dead letters of a queue, topic, bucket or schedule again",
		Example: `  ferry queues redrive orders`,
		Args:    between(1, 1, "the name of a queue, topic, bucket or schedule"),
		ValidArgsFunction: a.completeManifest(0, func(m *manifest.Manifest) []string {
			return eventSources(m, "queue", "topic", "object", "schedule")
		}),
	}, func(ctx context.Context, args []string) (result, error) {
		_, messenger, err := carrierOf[providers.Messenger](a.deployed())
		if err != nil {
			return nil, err
		}
		n, err := messenger.Redrive(ctx, args[0])
		if err != nil && n == 0 {
			return nil, err
		}
		return redriveResult{Name: args[0], Messages: n}, err
	}))
	return c
}

func newQueuesResult(p *project, all []providers.Queue, now time.Time) queuesResult {
	r := queuesResult{Queues: []queueResult{}, place: p.place()}
	for _, q := range all {
		one := queueResult{Kind: q.Kind, Name: q.Name, Function: q.Function, Depth: q.Depth, Dead: []deadResult{}}
		switch {
		case q.Depth == 0:
			one.Age = new(0.0)
		case !q.Oldest.IsZero():
			one.Age = new(max(0, now.Sub(q.Oldest).Seconds()))
		}
		for _, d := range q.Dead {
			dead := deadResult{ID: d.ID, Sent: d.Sent, Died: d.Died, Attempts: d.Attempts, Reason: d.Reason}
			dead.Body, dead.Encoding = readable(d.Body)
			one.Dead = append(one.Dead, dead)
		}
		r.Queues = append(r.Queues, one)
	}
	return r
}

func (r queuesResult) text(p *printer) {
	if len(r.Queues) == 0 {
		p.linef("no function is bound to events, and no message waits  %s", p.style.dim.Render(r.place))
		return
	}
	var rows [][]string
	for _, q := range r.Queues {
		waits, dead := p.style.dim.Render("empty"), ""
		if q.Depth == providers.UnknownDepth {
			waits = p.style.dim.Render("how many wait is not known here")
		}
		if q.Depth > 0 {
			waits = fmt.Sprintf("%d waiting", q.Depth)
			if q.Age != nil {
				waits += ", the oldest for " + seconds(*q.Age)
			}
		}
		if n := len(q.Dead); n > 0 {
			dead = p.style.bad.Render(count(n, "dead letter"))
		}
		name := p.style.bold.Render(q.Name)
		if q.Function != "" && q.Function != q.Name {
			name += " → " + q.Function
		}
		rows = append(rows, []string{name, q.Kind, waits, dead})
	}
	p.table(nil, rows)
	for _, q := range r.Queues {
		p.deadLetters(q)
	}
}

// deadLetters prints the last of a queue's dead letters.
func (p *printer) deadLetters(q queueResult) {
	const most = 5
	if len(q.Dead) == 0 {
		return
	}
	p.linef("")
	p.linef("%s", p.style.bold.Render(q.Name))
	if n := len(q.Dead) - most; n > 0 {
		p.linef("  %s", p.style.dim.Render(fmt.Sprintf("%d earlier ones: see --json", n)))
	}
	for _, d := range q.Dead[max(0, len(q.Dead)-most):] {
		body, _, more := strings.Cut(d.Body, "\n")
		if len(body) > 60 || more {
			body = strings.ToValidUTF8(body[:min(len(body), 60)], "") + "…"
		}
		reason := strings.Split(plainly(d.Reason), "\n")
		p.linef("  %s %s  %s", p.style.bad.Render("✗"), reason[0], p.style.dim.Render(count(d.Attempts, "attempt")+", "+d.Died.In(p.zone).Format(time.DateTime)))
		for _, line := range reason[1:] {
			p.verbatim("    " + p.style.dim.Render("│") + " " + line)
		}
		p.linef("    %s", p.style.dim.Render(plainly(body)))
	}
	p.linef("  %s run `ferry queues redrive %s` to deliver them again", p.style.good.Render("hint:"), q.Name)
}

func (r redriveResult) text(p *printer) {
	if r.Messages == 0 {
		p.linef("%s has no dead letters", r.Name)
		return
	}
	p.linef("%s %s of %s delivered again", p.style.good.Render("✓"), count(r.Messages, "dead letter"), r.Name)
}
