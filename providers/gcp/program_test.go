package gcp

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	pubsub "google.golang.org/api/pubsub/v1"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// program prints the CloudEvents that are posted to it, and takes no other but the first that it is told to refuse.
const program = `import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        event = {name.lower()[3:]: value for name, value in self.headers.items() if name.lower().startswith("ce-")}
        known = all(event.pop(name, None) for name in ("id", "time"))
        print("GOT", json.dumps([self.path, event, known, self.headers.get("Content-Type"), body]), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
`

// posted is what the program prints of an event.
func posted(t *testing.T, event map[string]string, media, body string) string {
	t.Helper()
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode([]any{"/", event, true, media, body}); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String())
}

// alsoGot waits until the program printed an event, in whatever order of its attributes.
func (b bench) alsoGot(t *testing.T, fn, want string) {
	t.Helper()
	sorted := func(text string) string {
		var v any
		_ = json.Unmarshal([]byte(text), &v) // another line is another text
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	err := until.True(t.Context(), until.Rule{For: want, Within: 20 * time.Second, First: 20 * time.Millisecond, Most: 100 * time.Millisecond}, func() (bool, error) {
		return slices.ContainsFunc(b.lines(t, fn), func(line string) bool {
			got, ok := strings.CutPrefix(line, "GOT ")
			return ok && sorted(got) == sorted(want)
		}), nil
	})
	if err != nil {
		t.Fatalf("%v: it wrote %q", err, b.lines(t, fn))
	}
}

func needsNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
}

func TestAProgramWithoutAShimGetsEventsAsCloudEvents(t *testing.T) {
	t.Parallel()
	needsNode(t)
	b := newBench(t)
	fn := providertest.Function("worker", "a")
	fn.Handler, fn.Runtime, fn.Style = "server.py", "python3.13", manifest.StyleServer
	fn.Events = []manifest.Event{
		{HTTP: &manifest.HTTPEvent{Auth: "private"}},
		{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}},
		{Topic: &manifest.TopicEvent{Name: "signups"}},
		{Object: &manifest.ObjectEvent{Bucket: "uploads", On: []string{"created"}, Prefix: "raw/", Suffix: ".csv"}},
	}
	b.deploy(t, providertest.Package(t, b.a, fn, map[string]string{"server.py": program}))
	_, err := b.pubsub.Projects.Topics.Publish(b.topicPath("orders"), &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{
		Data: base64.StdEncoding.EncodeToString([]byte(`{"order": "ü"}`)), Attributes: map[string]string{"content-type": "application/json"},
	}}}).Do()
	if err != nil {
		t.Fatal(err)
	}
	b.alsoGot(t, "worker", posted(t, map[string]string{
		"specversion": "1.0", "type": "dev.ferry.queue.message.v1", "source": "/" + b.topicPath("orders"),
	}, "application/json", `{"order": "ü"}`))
	b.publishText(t, "signups", "somebody")
	b.alsoGot(t, "worker", posted(t, map[string]string{
		"specversion": "1.0", "type": "dev.ferry.topic.message.v1", "source": "/" + b.topicPath("signups"),
	}, "text/plain; charset=utf-8", "somebody"))
	b.put(t, "raw/other.txt")
	b.put(t, `raw/ü 1.csv`)
	o, err := b.storage.Objects.Get("uploads", `raw/ü 1.csv`).Do()
	if err != nil {
		t.Fatal(err)
	}
	b.alsoGot(t, "worker", posted(t, map[string]string{
		"specversion": "1.0", "type": "dev.ferry.object.created.v1", "source": "//storage.googleapis.com/projects/_/buckets/uploads", "subject": "raw/%C3%BC%201.csv",
	}, "application/json", `{"bucket":"uploads","key":"raw/ü 1.csv","size":1,"etag":"`+o.Etag+`","version":"`+base10(o.Generation)+`"}`))
	if got := strings.Join(b.lines(t, "worker"), "\n"); strings.Contains(got, "other.txt") {
		t.Errorf("an object with another suffix: %s", got)
	}
	b.rebound(t, providertest.Package(t, b.a, fn, map[string]string{"server.py": program}))
}

func TestAnObjectIsChosenByTheEndOfItsName(t *testing.T) {
	t.Parallel()
	needsNode(t)
	b := newBench(t)
	on := []string{"created"}
	s := b.listening(t, "worker", manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: on, Suffix: ".csv"}},
		manifest.Event{Object: &manifest.ObjectEvent{Bucket: "uploads", On: on, Suffix: ".tsv"}})
	b.deploy(t, s)
	for _, name := range []string{"a.txt", "b.csv", "c.tsv"} {
		b.put(t, name)
	}
	b.said(t, "worker", "GOT dev.ferry.object.created.v1 "+b.object(t, "b.csv"))
	b.said(t, "worker", "GOT dev.ferry.object.created.v1 "+b.object(t, "c.tsv"))
	if got := strings.Join(b.lines(t, "worker"), "\n"); strings.Count(got, "GOT") != 2 {
		t.Errorf("it got %s", got)
	}
	b.rebound(t, s)
}

func TestAQueueIsTriedAsOftenAndAfterSuchPausesAsTheManifestSays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Answer(imitated)
	for _, c := range []struct {
		attempts int
		backoff  time.Duration
		tries    int64
		pause    string
	}{{0, 0, 10, "10s"}, {7, 30 * time.Second, 7, "30s"}, {3, 1500 * time.Millisecond, 5, "2s"}} {
		b.deploy(t, b.listening(t, "worker", manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Attempts: c.attempts, Backoff: manifest.Duration(c.backoff)}}))
		found, err := b.pubsub.Projects.Subscriptions.Get(b.subscriptionPath("orders")).Do()
		if err != nil || found.DeadLetterPolicy.MaxDeliveryAttempts != c.tries || found.RetryPolicy.MinimumBackoff != c.pause {
			t.Errorf("%+v gives %+v %+v: %v", c, found.DeadLetterPolicy, found.RetryPolicy, err)
		}
	}
}
