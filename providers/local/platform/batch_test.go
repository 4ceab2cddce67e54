//go:build unix

package platform

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func takesBatches(r *Revision) { r.Batches = true }

// together sends messages while nothing is delivered, so that they come as one batch, and waits until all is done.
func (p *place) together(bodies ...string) QueueInfo {
	p.Helper()
	p.bind(BindingsPaused, quick("orders"))
	for _, body := range bodies {
		p.send(KindQueue, "orders", body)
	}
	p.bind(BindingsEnabled, quick("orders"))
	platformtest.Until(p.T, "the queue is empty", func() bool { return p.queue(KindQueue, "orders").Depth == 0 })
	return p.queue(KindQueue, "orders")
}

func TestOfABatchThatIsTakenTogetherOnlyWhatIsNamedComesAgain(t *testing.T) {
	p := serve(t, Options{})
	got := p.workerThat(takesBatches, quick("orders"))
	q := p.together("one", "fails", "two", "fails until 2", "fails")
	var attempts []string
	for _, line := range got() {
		fields := strings.Fields(line)
		attempts = append(attempts, fields[0]+" "+strings.Join(fields[3:], " "))
	}
	slices.Sort(attempts)
	if want := []string{"1 fails", "1 fails", "1 fails until 2", "1 one", "1 two", "2 fails", "2 fails", "2 fails until 2", "3 fails", "3 fails"}; !slices.Equal(attempts, want) {
		t.Errorf("got %q, want %q", attempts, want)
	}
	if len(q.Dead) != 2 || q.Dead[0].Attempts != 3 || !strings.Contains(q.Dead[0].Reason, "batchItemFailures") {
		t.Errorf("dead: %+v", q.Dead)
	}
	platformtest.Until(t, "the log tells of the batch", func() bool { return strings.Contains(p.log("worker"), "a batch of 5") })
}

func TestABatchFailsAsAWholeWhereTheHandlerFailsOrNamesNoMessageOfIt(t *testing.T) {
	p := serve(t, Options{})
	p.workerThat(takesBatches, quick("orders"))
	for i, c := range [][2]string{{"spoils all", "spoilt"}, {"names another", `names the message "another"`}} {
		dead := p.together("fine", c[0]).Dead[2*i:]
		if len(dead) != 2 || !strings.Contains(dead[0].Reason, c[1]) || !strings.Contains(dead[1].Reason, c[1]) {
			t.Errorf("%s: dead are %+v", c[0], dead)
		}
	}
}

func TestMessagesComeOneByOneWhereTheFunctionTakesNoBatches(t *testing.T) {
	p := serve(t, Options{})
	got := p.worker(quick("orders"))
	if q := p.together("one", "fails", "two"); len(q.Dead) != 1 || len(got()) != 5 {
		t.Errorf("%+v after %q", q.Dead, got())
	}
	if log := p.log("worker"); strings.Contains(log, "a batch of") {
		t.Error(log)
	}
}

func TestMessagesComeOneByOneToAPackageOfAnEarlierFerryThatRefusesBatches(t *testing.T) {
	p := serve(t, Options{})
	got := p.workerThat(func(r *Revision) { r.Batches, r.Env["ONE_BY_ONE"] = true, "yes" }, quick("orders"))
	if q := p.together("one", "fails", "two"); len(q.Dead) != 1 || len(got()) != 5 || !strings.Contains(q.Dead[0].Reason, "on purpose") {
		t.Errorf("%+v after %q", q.Dead, got())
	}
}

func TestAMessageThatIsNoTextComesAlone(t *testing.T) {
	p := serve(t, Options{})
	p.workerThat(takesBatches, quick("orders"))
	if q := p.together("one", "\xff"); len(q.Dead) != 0 || strings.Contains(p.log("worker"), "a batch of") {
		t.Errorf("%+v\n%s", q, p.log("worker"))
	}
}
