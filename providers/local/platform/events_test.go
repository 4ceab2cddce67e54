//go:build unix

package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/delivery"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// quick has a queue's message tried again soon.
func quick(name string) Binding {
	return Binding{Kind: KindQueue, Name: name, Batch: 10, Attempts: 3, Backoff: time.Millisecond}
}

// worker makes a function live that notes the events it gets, and binds it. What it got are the lines of the file.
func (p *place) worker(bindings ...Binding) (got func() []string) {
	p.Helper()
	return p.workerThat(func(*Revision) {}, bindings...)
}

func (p *place) workerThat(edit func(*Revision), bindings ...Binding) (got func() []string) {
	p.Helper()
	file := filepath.Join(p.TempDir(), "delivered")
	p.live("worker", revision("one", func(r *Revision) {
		r.HTTP = false
		r.Env["DELIVERED"], r.Env["FIXED"] = file, filepath.Join(filepath.Dir(file), "fixed")
		edit(r)
	}))
	p.bind(BindingsEnabled, bindings...)
	return func() []string {
		data, _ := os.ReadFile(file)
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

func (p *place) bind(mode string, bindings ...Binding) {
	p.Helper()
	if err := p.client.Bind(p.Context(), BindRequest{Scope: shop, Function: "worker", Bindings: mode, Events: bindings}); err != nil {
		p.Fatal(err)
	}
}

func (p *place) send(kind, name, body string) {
	p.Helper()
	if _, err := p.client.Send(p.Context(), SendRequest{Scope: shop, Kind: kind, Name: name, Body: []byte(body)}); err != nil {
		p.Fatal(err)
	}
}

// queue is what is known of a queue, by kind and name.
func (p *place) queue(kind, name string) QueueInfo {
	p.Helper()
	all, err := p.client.Queues(p.Context(), shop)
	if err != nil {
		p.Fatal(err)
	}
	for _, q := range all {
		if q.Kind == kind && q.Name == name {
			return q
		}
	}
	return QueueInfo{}
}

func TestAHandlerThatFailsTwiceIsCalledThreeTimesAndOneThatAlwaysFailsEndsInTheDeadLetters(t *testing.T) {
	p := serve(t, Options{})
	got := p.worker(quick("orders"))
	p.send(KindQueue, "orders", "fails until 3")
	p.send(KindQueue, "orders", "fails")
	platformtest.Until(t, "the queue is empty", func() bool { return p.queue(KindQueue, "orders").Depth == 0 })
	var first []string
	for _, line := range got() {
		if strings.HasSuffix(line, "fails until 3") {
			first = append(first, line[:1])
		}
	}
	if !slices.Equal(first, []string{"1", "2", "3"}) {
		t.Errorf("got attempts %v", first)
	}
	q := p.queue(KindQueue, "orders")
	if len(q.Dead) != 1 || q.Dead[0].Attempts != 3 || !strings.HasPrefix(q.Dead[0].Reason, "on purpose") || string(q.Dead[0].Body) != "fails" {
		t.Fatalf("got %+v", q)
	}
	wd := filepath.Dir(p.deliveredFile())
	if err := os.WriteFile(filepath.Join(wd, "fixed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := p.client.Redrive(t.Context(), RedriveRequest{Scope: shop, Name: "orders"}); err != nil || r.Messages != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	platformtest.Until(t, "it is delivered", func() bool { q := p.queue(KindQueue, "orders"); return q.Depth == 0 && len(q.Dead) == 0 })
	_, err := p.client.Redrive(t.Context(), RedriveRequest{Scope: shop, Name: "odrers"})
	wantCode(t, err, CodeNotFound)
}

// deliveredFile is where the worker that is live notes what it gets.
func (p *place) deliveredFile() string {
	p.Helper()
	t, err := p.home.Table(shop)
	if err != nil {
		p.Fatal(err)
	}
	r, err := p.home.Revision(shop, "worker", t.Functions["worker"].Revision)
	if err != nil {
		p.Fatal(err)
	}
	return r.Env["DELIVERED"]
}

func TestPausedBindingsKeepMessagesAndBindingsThatGoForgetThoseOfTopics(t *testing.T) {
	p := serve(t, Options{})
	topic := Binding{Kind: KindTopic, Name: "signups"}
	got := p.worker(quick("orders"), topic)
	p.bind(BindingsPaused, quick("orders"), topic)
	p.send(KindQueue, "orders", "one")
	p.send(KindTopic, "signups", "two")
	p.send(KindTopic, "signups", "three")
	if q := p.queue(KindTopic, "signups"); q.Depth != 2 || q.Function != "worker" || q.Oldest.IsZero() {
		t.Errorf("got %+v", q)
	}
	p.bind(BindingsEnabled, quick("orders"), topic)
	platformtest.Until(t, "all is delivered", func() bool { return len(got()) == 3 })
	p.bind(BindingsPaused, quick("orders"), topic)
	p.send(KindQueue, "orders", "four")
	p.send(KindTopic, "signups", "five")
	p.bind("")
	_, err := p.client.Send(t.Context(), SendRequest{Scope: shop, Kind: KindTopic, Name: "signups"})
	wantCode(t, err, CodeNotFound)
	p.send(KindQueue, "orders", "six") // a queue has what nobody takes yet
	p.bind(BindingsEnabled, quick("orders"), topic)
	platformtest.Until(t, "the rest is delivered", func() bool { return p.queue(KindQueue, "orders").Depth == 0 })
	if all := strings.Join(got(), "\n"); strings.Contains(all, "five") || !strings.Contains(all, "four") || !strings.Contains(all, "six") {
		t.Errorf("got %s", all)
	}
}

func TestAFileInTheFolderOfABucketIsAnObject(t *testing.T) {
	p := serve(t, Options{})
	folder := p.home.Bucket(shop, "uploads")
	write := func(name, content string) {
		t.Helper()
		path, draft := filepath.Join(folder, filepath.FromSlash(name)), filepath.Join(t.TempDir(), "draft")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(draft, []byte(content), 0o600), os.Rename(draft, path)); err != nil {
			t.Fatal(err)
		}
	}
	write("raw/before.jpg", "was there before anybody was bound")
	got := p.worker(Binding{Kind: KindObject, Name: "uploads", On: []string{"created", "deleted"}, Prefix: "raw/", Suffix: ".jpg"})
	write("raw/100% Größe.jpg", "seven!!")
	write("raw/.part.jpg", "not yet")
	write("cooked/cat.jpg", "another folder")
	platformtest.Until(t, "the object is told of", func() bool { return len(got()) == 1 && got()[0] != "" })
	want := `1 dev.ferry.object.created.v1 /buckets/uploads raw/100%25%20Gr%C3%B6%C3%9Fe.jpg  {"bucket":"uploads","key":"raw/100% Größe.jpg","size":7,"etag":"53aa4cf0b8fe4d7a3b0b6dba6c72cfc2"}`
	if line := regexp.MustCompile(`"etag":"[0-9a-f]{32}"`).ReplaceAllString(got()[0], `"etag":"53aa4cf0b8fe4d7a3b0b6dba6c72cfc2"`); line != want {
		t.Errorf("got %s", line)
	}
	if err := os.Remove(filepath.Join(folder, "raw", "before.jpg")); err != nil {
		t.Fatal(err)
	}
	platformtest.Until(t, "the deletion is told of", func() bool { return len(got()) == 2 })
	if line := got()[1]; !strings.HasPrefix(line, "1 dev.ferry.object.deleted.v1 /buckets/uploads raw/before.jpg") {
		t.Errorf("got %s", line)
	}
}

func TestWhatIsCopiedWhileThePlatformIsAwayIsFoundWhenItComesBack(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	got := p.worker(Binding{Kind: KindObject, Name: "uploads", On: []string{"created"}})
	stop()
	if err := os.WriteFile(filepath.Join(p.home.Bucket(shop, "uploads"), "a.txt"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(Options{})
	platformtest.Until(t, "the object is told of", func() bool { return len(got()) == 1 && strings.Contains(got()[0], `"a.txt"`) })
}

func TestAScheduleCallsItsFunction(t *testing.T) {
	p := serve(t, Options{})
	nightly := Binding{Kind: KindSchedule, Cron: "* * * * *", Zone: "Europe/Berlin"}
	if err := os.MkdirAll(p.home.scope(shop), 0o700); err != nil {
		t.Fatal(err)
	}
	messages, err := delivery.Open(p.home.eventsFile(shop))
	if err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-2 * time.Minute).UTC().Format(time.RFC3339)
	if err := errors.Join(messages.Put(nil, map[string][]byte{nightly.note("worker"): []byte(ago)}), messages.Close()); err != nil {
		t.Fatal(err)
	}
	got := p.worker(nightly)
	platformtest.Until(t, "it is called for the time that passed", func() bool {
		return strings.HasPrefix(got()[0], "1 dev.ferry.schedule.v1 /schedules/worker")
	})
}

func TestAScriptSendsWithTheTokenAndAWebPageCannot(t *testing.T) {
	p := serve(t, Options{})
	got := p.worker(quick("orders"), Binding{Kind: KindTopic, Name: "signups"})
	e, _ := p.home.endpoint()
	post := func(path, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Ferry-Attributes", `{"shop": "north"}`)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(answer)
	}
	for _, token := range []string{"", "guessed"} {
		if status, answer := post("/queues/shop/dev/orders", token, "x"); status != 401 || !strings.Contains(answer, string(CodeDenied)) {
			t.Errorf("token %q: %d %s", token, status, answer)
		}
	}
	for _, path := range []string{"/queues/shop/dev/orders", "/topics/shop/dev/signups"} {
		if status, answer := post(path, e.Token, `{"n": 1}`); status != 200 || !strings.Contains(answer, `"functions":["worker"]`) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	platformtest.Until(t, "both are delivered", func() bool { return len(got()) == 2 })
	if !strings.Contains(got()[0], `{"shop":"north"} {"n": 1}`) && !strings.Contains(got()[0], `{"shop": "north"} {"n": 1}`) {
		t.Errorf("got %s", got()[0])
	}
	if status, answer := post("/queues/shop/dev/odrers", e.Token, "x"); status != 404 || !strings.Contains(answer, "there is orders") {
		t.Errorf("got %d %s", status, answer)
	}
	if status, answer := post("/queues/shop/dev/orders", e.Token, strings.Repeat("x", MessageSize+1)); status != 422 || !strings.Contains(answer, string(CodeInvalid)) {
		t.Errorf("got %d %.100s", status, answer)
	}
}

func TestARemovedServiceKeepsNoMessagesAndAPersonsFilesStay(t *testing.T) {
	p := serve(t, Options{})
	p.worker(quick("orders"), Binding{Kind: KindObject, Name: "uploads", On: []string{"created"}}, Binding{Kind: KindObject, Name: "empty", On: []string{"created"}})
	p.bind(BindingsPaused, quick("orders"))
	p.send(KindQueue, "orders", "x")
	mine := filepath.Join(p.home.Bucket(shop, "uploads"), "mine.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Remove(t.Context(), FunctionRequest{Scope: shop, Function: "worker"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	for _, gone := range []string{p.home.eventsFile(shop), p.home.Bucket(shop, "empty")} {
		if _, err := os.Stat(gone); err == nil {
			t.Errorf("%s is there", gone)
		}
	}
}

// TestNoMessageIsLostByKills has messages under way while the platform is killed, again and again.
func TestNoMessageIsLostByKillsAndOrderIsKept(t *testing.T) {
	rounds, each := 20, 1000
	if testing.Short() || os.Getenv("FERRY_SAMPLE") != "all" {
		rounds, each = 3, 400
	}
	p := detached(t)
	p.ensure()
	inOrder := quick("line.fifo")
	inOrder.Batch = 1
	got := p.workerThat(takesBatches, quick("orders"), inOrder) // together, and one by one
	taken := map[string]bool{}
	for round := range rounds {
		e := p.ensure()
		p.sendMany(round, each, taken, func() { _ = syscall.Kill(e.PID, syscall.SIGKILL) })
		platformtest.Until(t, "the platform is dead", func() bool { return !p.home.Running() })
		platformtest.Until(t, "no instance outlives it", func() bool {
			left, _ := os.ReadDir(p.home.own("instances"))
			return !slices.ContainsFunc(left, func(e os.DirEntry) bool {
				id, started, _ := strings.Cut(e.Name(), "-")
				pid, _ := strconv.Atoi(id)
				return startTime(pid) == started
			})
		})
	}
	p.ensure()
	platformtest.Until(t, "all is delivered", func() bool {
		return p.queue(KindQueue, "orders").Depth == 0 && p.queue(KindQueue, "line.fifo").Depth == 0
	})
	seen, last := map[string]bool{}, map[string]int{}
	for _, line := range got() {
		body := line[strings.LastIndexByte(line, ' ')+1:]
		seen[body] = true
		group, number, ok := strings.Cut(body, "#")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("got %q", line)
		}
		if n < last[group] {
			t.Fatalf("%s came after %d", body, last[group])
		}
		last[group] = n
	}
	lost := 0
	for body := range taken {
		if !seen[body] {
			lost++
		}
	}
	if lost > 0 || len(taken) < each {
		t.Errorf("%d of %d messages that were taken were never delivered", lost, len(taken))
	}
	if dead := slices.Concat(p.queue(KindQueue, "orders").Dead, p.queue(KindQueue, "line.fifo").Dead); len(dead) > 0 {
		t.Errorf("dead: %+v", dead)
	}
	t.Logf("%d messages were taken in %d rounds, and %d delivered", len(taken), rounds, len(got()))
}

// sendMany sends messages from several sides, in the midst of which the platform is killed. It notes those that were taken.
func (p *place) sendMany(round, each int, taken map[string]bool, kill func()) {
	var mu sync.Mutex
	var all sync.WaitGroup
	sent := 0
	for side := range 4 {
		all.Go(func() {
			for i := range each / 4 {
				q := SendRequest{Scope: shop, Kind: KindQueue, Name: "orders", Body: fmt.Appendf(nil, "m%d.%d.%d", round, side, i)}
				if side < 2 { // each keeps an order of its own
					q.Name, q.Group, q.Body = "line.fifo", fmt.Sprint(side), fmt.Appendf(nil, "g%d#%d", side, round*each+i+1)
				}
				_, err := p.client.Send(context.Background(), q)
				mu.Lock()
				if err == nil {
					taken[string(q.Body)] = true
				}
				if sent++; sent == each*3/4 {
					kill()
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	if sent < each*3/4 {
		kill()
	}
}

func TestSecretsAreNoPartOfTheReasonOfADeadLetter(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("hunter2hunter2")); err != nil {
		t.Fatal(err)
	}
	p.live("worker", revision("one", func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }))
	p.bind(BindingsEnabled, quick("orders"))
	p.send(KindQueue, "orders", "fails")
	platformtest.Until(t, "it is dead", func() bool { return len(p.queue(KindQueue, "orders").Dead) == 1 })
	if reason := p.queue(KindQueue, "orders").Dead[0].Reason; reason != "on purpose, •••" {
		t.Errorf("got %q", reason)
	}
}

func TestAMessageThatNoInstanceHasRoomForIsNotTriedYet(t *testing.T) {
	p := serve(t, Options{})
	got := p.worker()
	one := revision("two", func(r *Revision) {
		r.Max, r.Concurrency, r.Timeout = 1, 1, time.Second
		r.Env["DELIVERED"] = p.deliveredFile()
	})
	p.put("worker", one)
	p.swap("worker", "one", "two")
	var busy sync.WaitGroup
	for range 2 { // requests that together take longer than the message waits for room, one after the other
		busy.Go(func() {
			_, _ = p.client.Invoke(t.Context(), InvokeRequest{Scope: shop, Function: "worker", Method: http.MethodGet, Path: "/sleep?for=700ms"})
		})
	}
	platformtest.Until(t, "the first is at work", func() bool { return p.instances() == 1 })
	only := Binding{Kind: KindQueue, Name: "orders", Attempts: 1}
	p.bind(BindingsEnabled, only)
	p.send(KindQueue, "orders", "patient")
	platformtest.Until(t, "it is delivered", func() bool { return p.queue(KindQueue, "orders").Depth == 0 })
	busy.Wait()
	if dead := p.queue(KindQueue, "orders").Dead; len(dead) > 0 {
		t.Errorf("dead: %+v", dead)
	}
	if !bytes.Contains([]byte(strings.Join(got(), "\n")), []byte("patient")) {
		t.Errorf("got %v", got())
	}
}

func TestTheReasonOfADeadLetterHoldsTheLastWordsOfAHandlerThatDoesNotStart(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("hunter2hunter2")); err != nil {
		t.Fatal(err)
	}
	p.live("worker", revision("one", func(r *Revision) { r.Secrets, r.Env["BROKEN"] = map[string]string{"KEY": "key"}, "1" }))
	p.bind(BindingsEnabled, Binding{Kind: KindQueue, Name: "orders", Attempts: 1})
	p.send(KindQueue, "orders", "x")
	platformtest.Until(t, "it is dead", func() bool { return len(p.queue(KindQueue, "orders").Dead) == 1 })
	const want = "worker does not start: it ended with exit status 3 before it was ready; its log ends with:\nTraceback: no module named stripe •••"
	if reason := p.queue(KindQueue, "orders").Dead[0].Reason; reason != want {
		t.Errorf("got %q", reason)
	}
}
