package gcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/until"
	"github.com/ferryfn/ferry/release/faults"
)

// boundSpecs are a function's two specs: with an event of each kind, and with fewer and others.
type boundSpecs struct{ all, fewer providers.Spec }

func newBoundSpecs(t *testing.T) boundSpecs {
	t.Helper()
	b := newBench(t)
	s := boundSpecs{all: b.listening(t, "worker", everyEvent("public")...)}
	s.fewer = s.all
	s.fewer.Function.Events = []manifest.Event{
		{HTTP: &manifest.HTTPEvent{Auth: "public"}},
		{Topic: &manifest.TopicEvent{Name: "orders"}},
		{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}}},
	}
	return s
}

// Every call goes wrong once in every way, while a function's events are bound, changed and taken away. The same step done
// again ends as a clean run does, and nothing is left in the end.
func TestEveryCallOfBindingMayGoWrong(t *testing.T) {
	t.Parallel()
	s := newBoundSpecs(t)
	calls, clean := s.life(t, 0, standin.Fault{})
	cases, tried := sample.Of(t, 50), 0
	for n := 1; n <= calls; n++ {
		for _, m := range faults.Mishaps(contended()) {
			if !cases.Takes() {
				continue
			}
			tried++
			t.Run(fmt.Sprintf("call %d %s", n, m.Name), func(t *testing.T) {
				t.Parallel()
				_, got := s.life(t, n, m.Fault)
				for i := range clean {
					if diff := cmp.Diff(clean[i], got[i]); diff != "" {
						t.Errorf("after step %d (-clean +got):\n%s", i+1, diff)
					}
				}
			})
		}
	}
	t.Logf("%d of %d calls × %d mishaps were tried", tried, calls, len(faults.Mishaps(contended())))
}

// life takes a function through all that its events go through, and says what there was after each step. One step that fails is
// done again.
func (s boundSpecs) life(t *testing.T, at int, fault standin.Fault) (calls int, after []string) {
	t.Helper()
	b := newBench(t)
	b.Answer(imitated)
	b.Reset()
	ctx := until.Hasten(t.Context(), haste)
	var r providers.Revision
	bind := func(s providers.Spec, m providers.Mode) func(context.Context) error {
		return func(ctx context.Context) error { return b.a.Bind(ctx, s, m, 1) }
	}
	steps := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			r, err = b.a.Publish(ctx, s.all, 1)
			return err
		},
		bind(s.all, providers.BindPaused),
		func(ctx context.Context) error {
			from, err := b.a.Status(ctx, "worker")
			if err == nil && !from.Holds(&r) {
				_, err = b.a.Activate(ctx, providers.Change{Spec: s.all, From: from, To: &r, Epoch: 1})
			}
			return err
		},
		bind(s.all, providers.BindEnabled),
		bind(s.fewer, providers.BindEnabled),
		bind(s.fewer, providers.BindPaused),
		bind(s.fewer, providers.BindNone),
		func(ctx context.Context) error { return b.a.Remove(ctx, "worker", 1) },
	}
	b.Intercept(func(c standin.Call) standin.Fault {
		if c.Number == at {
			return fault
		}
		return standin.Fault{}
	})
	for i, step := range steps {
		if err := step(ctx); err != nil {
			if err := step(ctx); err != nil {
				hit := b.Calls()[at-1]
				t.Fatalf("step %d, after %s %s went wrong: %v", i+1, hit.Service, hit.Operation, err)
			}
		}
		after = append(after, steady(b.Snapshot()))
	}
	return len(b.Calls()), after
}

// steady is a snapshot without what differs with what happened.
func steady(snapshot string) string {
	var kept strings.Builder
	for line := range strings.Lines(snapshot) {
		line = lastWrite.ReplaceAllString(line, "")
		if line = differing.ReplaceAllString(varying.ReplaceAllString(line, "…"), "…"); !counted.MatchString(line) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// differing are what the audience is, and how often its value was written: a write whose reply is lost is made again.
var differing = regexp.MustCompile(`"audience":"[A-Z2-7]{52}"|\["ENABLED"(,"ENABLED")*\]`)

// lastWrite is which write a service was changed by last; one that was only made has none.
var lastWrite = regexp.MustCompile(`,?"ferry.dev/write":"[a-z2-7]+"`)
