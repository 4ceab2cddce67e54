package delivery

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// taker notes what it gets, and fails as it is told.
type taker struct {
	mu    sync.Mutex
	got   []string // id and attempt
	sizes []int
	fail  func(d Delivery) error
}

func (k *taker) deliver(_ context.Context, batch []Delivery) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sizes = append(k.sizes, len(batch))
	outcomes := make([]error, len(batch))
	for i, d := range batch {
		k.got = append(k.got, fmt.Sprintf("%s#%d", d.ID, d.Attempt))
		if k.fail != nil {
			outcomes[i] = k.fail(d)
		}
	}
	return outcomes
}

func (k *taker) seen() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.got)
}

func opened(t *testing.T, file string) *Engine {
	t.Helper()
	e, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func send(t *testing.T, e *Engine, group string, ids ...string) {
	t.Helper()
	var all []Envelope
	for _, id := range ids {
		all = append(all, Envelope{Queue: "orders", Message: Message{ID: id, Group: group, Body: []byte(id), Sent: time.Now()}})
	}
	if err := e.Put(all, nil); err != nil {
		t.Fatal(err)
	}
}

// consuming runs a test with a consumer of orders, in a time of its own.
func consuming(t *testing.T, c Consumer, k *taker, then func(t *testing.T, e *Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := opened(t, filepath.Join(t.TempDir(), "events.db"))
		c.Queue, c.Deliver = "orders", k.deliver
		w := e.Consume(c)
		then(t, e)
		w.Stop(t.Context())
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

var five = Retry{Attempts: 5, Backoff: time.Second}

func TestAHandlerThatFailsTwiceIsCalledThreeTimes(t *testing.T) {
	k := &taker{fail: func(d Delivery) error {
		if d.Attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 1, Limit: 1, Retry: five}, k, func(t *testing.T, e *Engine) {
		send(t, e, "", "a")
		pass(time.Minute)
		equal(t, k.seen(), "a#1", "a#2", "a#3")
		if all, err := e.Queues(); err != nil || all[0].Depth != 0 || len(all[0].Dead) != 0 {
			t.Errorf("got %+v, %v", all, err)
		}
	})
}

func TestPausesBetweenAttemptsDouble(t *testing.T) {
	var at []time.Duration
	k := &taker{}
	consuming(t, Consumer{Batch: 1, Limit: 1, Retry: five}, k, func(t *testing.T, e *Engine) {
		begin := time.Now()
		k.fail = func(Delivery) error { at = append(at, time.Since(begin)); return errors.New("no") }
		send(t, e, "", "a")
		pass(30 * time.Second) // all five, by the default of the local platform
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("got %v, want %v", at, want)
		}
	})
	if got := (Retry{Backoff: time.Minute}).pause(40); got != maxBackoff {
		t.Errorf("a pause of %s", got)
	}
}

func TestAMessageThatAlwaysFailsIsDeadWithTheReasonUntilItIsRedriven(t *testing.T) {
	broken := true
	k := &taker{fail: func(Delivery) error {
		if broken {
			return errors.New("the printer is on fire")
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 10, Limit: 1, Retry: Retry{Attempts: 2, Backoff: time.Second}}, k, func(t *testing.T, e *Engine) {
		send(t, e, "", "a")
		pass(time.Minute)
		all, err := e.Queues()
		if err != nil || all[0].Depth != 0 || len(all[0].Dead) != 1 {
			t.Fatalf("got %+v, %v", all, err)
		}
		if d := all[0].Dead[0]; d.ID != "a" || d.Attempts != 2 || d.Reason != "the printer is on fire" || string(d.Body) != "a" {
			t.Errorf("got %+v", d)
		}
		broken = false
		if n, err := e.Redrive("orders"); n != 1 || err != nil {
			t.Fatalf("redrove %d, %v", n, err)
		}
		pass(time.Second)
		equal(t, k.seen(), "a#1", "a#2", "a#1")
		if all, _ := e.Queues(); all[0].Depth != 0 || len(all[0].Dead) != 0 {
			t.Errorf("got %+v", all)
		}
	})
}

func TestOfABatchOnlyWhatFailedComesAgain(t *testing.T) {
	k := &taker{fail: func(d Delivery) error {
		if d.ID == "b" && d.Attempt == 1 {
			return errors.New("no")
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 3, Limit: 1, Retry: five}, k, func(t *testing.T, e *Engine) {
		send(t, e, "", "a", "b", "c", "d")
		pass(time.Minute)
		equal(t, k.seen(), "a#1", "b#1", "c#1", "d#1", "b#2")
		if !slices.Equal(k.sizes, []int{3, 1, 1}) {
			t.Errorf("batches of %v", k.sizes)
		}
	})
}

func TestAGroupKeepsItsOrderThroughFailuresAndOthersPass(t *testing.T) {
	k := &taker{fail: func(d Delivery) error {
		if d.ID == "a1" && d.Attempt < 3 || d.ID == "a2" {
			return errors.New("no")
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 5, Limit: 4, Retry: Retry{Attempts: 3, Backoff: time.Second}}, k, func(t *testing.T, e *Engine) {
		send(t, e, "A", "a1", "a2", "a3")
		send(t, e, "B", "b1", "b2")
		pass(time.Minute)
		var a, b []string
		for _, g := range k.seen() {
			if strings.HasPrefix(g, "a") {
				a = append(a, g)
			} else {
				b = append(b, g)
			}
		}
		equal(t, a, "a1#1", "a1#2", "a1#3", "a2#1", "a2#2", "a2#3", "a3#1")
		equal(t, b, "b1#1", "b2#1")
	})
}

func TestARedrivenMessageOfAGroupComesBeforeThoseBehindIt(t *testing.T) {
	broken := true
	k := &taker{fail: func(d Delivery) error {
		if broken {
			return errors.New("no")
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 1, Limit: 1, Retry: Retry{Attempts: 1}}, k, func(t *testing.T, e *Engine) {
		send(t, e, "A", "a1", "a2")
		pass(time.Second)
		broken = false
		if n, err := e.Redrive("orders"); n != 2 || err != nil {
			t.Fatalf("redrove %d, %v", n, err)
		}
		pass(time.Second)
		equal(t, k.seen(), "a1#1", "a2#1", "a1#1", "a2#1")
	})
}

func TestPostponingIsNoAttempt(t *testing.T) {
	busy := 3
	k := &taker{fail: func(Delivery) error {
		if busy--; busy > 0 {
			return fmt.Errorf("all are busy: %w", ErrPostponed)
		}
		return nil
	}}
	consuming(t, Consumer{Batch: 1, Limit: 1, Retry: Retry{Attempts: 1}}, k, func(t *testing.T, e *Engine) {
		send(t, e, "", "a")
		pass(time.Minute)
		equal(t, k.seen(), "a#1", "a#1", "a#1")
	})
}

func TestWhatWasNotDeliveredIsThereAfterANewStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "events.db")
		e := opened(t, file)
		send(t, e, "A", "a1", "a2", "a3")
		k := &taker{fail: func(d Delivery) error {
			if d.ID == "a2" {
				return errors.New("no")
			}
			return nil
		}}
		w := e.Consume(Consumer{Queue: "orders", Batch: 1, Limit: 1, Retry: five, Deliver: k.deliver})
		pass(500 * time.Millisecond)
		w.Stop(t.Context())
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = opened(t, file)
		k.fail = nil
		w = e.Consume(Consumer{Queue: "orders", Batch: 1, Limit: 1, Retry: five, Deliver: k.deliver})
		pass(time.Minute)
		equal(t, k.seen(), "a1#1", "a2#1", "a2#2", "a3#1")
		w.Stop(t.Context())
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsUnderWayWhenTimeIsUpComesAgainWithoutAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := opened(t, filepath.Join(t.TempDir(), "events.db"))
		send(t, e, "", "a")
		w := e.Consume(Consumer{Queue: "orders", Batch: 1, Limit: 1, Retry: Retry{Attempts: 1}, Deliver: func(ctx context.Context, _ []Delivery) []error {
			<-ctx.Done()
			return []error{errors.New("broken off")}
		}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.Stop(ctx)
		k := &taker{}
		w = e.Consume(Consumer{Queue: "orders", Batch: 1, Limit: 1, Retry: Retry{Attempts: 1}, Deliver: k.deliver})
		pass(time.Minute)
		equal(t, k.seen(), "a#1")
		w.Stop(t.Context())
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNotesHoldWithTheirMessagesAndDroppedQueuesAreGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.db")
	e := opened(t, file)
	one := Envelope{Queue: "q", Message: Message{ID: "1"}}
	if err := e.Put([]Envelope{one}, map[string][]byte{"seen/a": []byte("x"), "seen/b": []byte("y"), "other": nil}); err != nil {
		t.Fatal(err)
	}
	if err := e.Put(nil, map[string][]byte{"seen/b": nil}); err != nil {
		t.Fatal(err)
	}
	if notes, err := e.Notes("seen/"); err != nil || len(notes) != 1 || string(notes["a"]) != "x" {
		t.Errorf("got %v, %v", notes, err)
	}
	if err := errors.Join(e.Drop("q"), e.Drop("q")); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = opened(t, file)
	if all, err := e.Queues(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNoneOfMessagesIsAnErrorThatNamesIt(t *testing.T) {
	file := t.TempDir()
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// pass lets time pass, of which there is enough in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
