package templates_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/packager/packagertest"
)

const goEvents = `package user

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"example.com/user/internal/texts"
)

var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, texts.Fetched)
})

func OnEvent(_ context.Context, e cloudevents.Event) error {
	or := func(name, other string) any {
		if v, ok := e.Extensions()[name]; ok {
			return v
		}
		return other
	}
	fmt.Println("GOT", e.Type(), e.ID(), e.Source(), strings.ReplaceAll(string(e.Data()), "\": ", "\":"), or("ferryattempt", "-"), or("ferrygroup", "-"))
	if string(e.Data()) == "fail" {
		return errors.New("failed on purpose")
	}
	return nil
}
`

// goEvents is a project of goEvents, without Google's framework.
func (p program) goEvents(t *testing.T) *packager.Packager {
	t.Helper()
	pk := p.project(t, "user.go", goEvents, "internal/texts/texts.go", "package texts\n\nconst Fetched = \"fetched\"\n")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("testdata/echo/goecho", name))
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool { return strings.Contains(line, "functions-framework-go") })
		packagertest.Write(t, filepath.Join(pk.Root, name), strings.Replace(strings.Join(lines, ""), "example.com/goecho", "example.com/user", 1))
	}
	return pk
}

// TestBehindGooglesFrameworkAGoFunctionTakesEventsOfGoogleAlone is also of a package at the module's root with an internal one.
func TestBehindGooglesFrameworkAGoFunctionTakesEventsOfGoogleAlone(t *testing.T) {
	t.Parallel()
	p := goProgram(manifest.StyleGo)
	p.source, p.handler = ".", "."
	pk := p.goEvents(t)
	i := p.started(t, pk, p.function(onTopicAndHTTP), "gcf", "FERRY_EVENT_AUDIENCE=secret").probed("ferry-digest: sha256:abc")
	i.takesEventsOfGoogleAlone(t)
	if a := i.do("POST", "/", nil); a.body != "fetched" {
		t.Errorf("a request gets %d %s", a.status, a.body)
	}
}

func TestAGoFunctionOfGooglesFrameworkIsServedBehindIt(t *testing.T) {
	t.Parallel()
	p, fn := goFunctions()
	i := p.started(t, packages(), fn, "gcf", "FERRY_EVENT_AUDIENCE=secret").probed("ferry-digest: sha256:abc")
	if a := i.do("POST", "/a%2Fb?x=1", []byte("hello"), "x-name: grün"); a.status != 200 || !strings.HasPrefix(a.body, `POST shop.example:8080 /a%2Fb?x=1 grün "hello"`) {
		t.Errorf("got %d %s\n%s", a.status, a.body, i.out)
	}
	if a := i.do("POST", "/.ferry/events/topic/signups", []byte(pushed("hi", "{}")), audienced("secret"), "content-type: application/json"); a.status != 204 {
		t.Errorf("got %d %s\n%s", a.status, a.body, i.out)
	}
	i.says("MESSAGE 9 //pubsub.googleapis.com/projects/p/topics/signups hi")
}

func TestOnAzureAGoFunctionTakesEventsOfTheHostAlone(t *testing.T) {
	t.Parallel()
	p := goProgram(manifest.StyleGo)
	p.source, p.handler = ".", "."
	p.started(t, p.goEvents(t), p.function(onEverything), "azure").probed("ferry-digest: sha256:abc").takesEventsOfAzuresHostAlone(t)
}

func TestOnAzureAPythonFunctionThatIsACustomHandlerTakesEventsOfTheHostAlone(t *testing.T) {
	packagertest.Registries(t, "python3")
	p := pythonProgram(manifest.StyleWSGI)
	i := p.started(t, p.project(t, "app.py", pythonEvents), p.function(onEverything), "azurehandler").probed("ferry-digest: sha256:abc")
	i.takesEventsOfAzuresHostAlone(t)
}

func onEverything(fn *manifest.Function) {
	fn.Events = []manifest.Event{
		{HTTP: &manifest.HTTPEvent{}},
		{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *"}},
		{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1}},
		{Object: &manifest.ObjectEvent{Bucket: "uploads"}},
		{Topic: &manifest.TopicEvent{Name: "signups"}},
	}
}

// takesEventsOfAzuresHostAlone posts events as the host does to a custom handler, which prints them.
func (i *process) takesEventsOfAzuresHostAlone(t *testing.T) {
	t.Helper()
	const host = "x-azure-functions-invocationid: 36"
	// The host writes the text of a message as JSON within JSON.
	queued := func(text string) string {
		return `{"Data":{"message":` + strconv.Quote(strconv.Quote(text)) + `},"Metadata":{"Id":"\"7\"","DequeueCount":"2","InsertionTime":"\"2026-01-02T03:04:05+00:00\""}}`
	}
	bus := func(text, kind string) string {
		return `{"Data":{"message":` + strconv.Quote(text) + `},"Metadata":{"MessageId":"\"7\"","DeliveryCount":"2","EnqueuedTimeUtc":"\"2026-01-02T03:04:05Z\"","ContentType":` + strconv.Quote(strconv.Quote(kind)) + `,"ApplicationProperties":{}}}`
	}
	grid := func(kind, subject, data string) string {
		return `{"Data":{"event":{"id":"1","topic":"/t","subject":"` + subject + `","eventType":"` + kind + `","eventTime":"2026-01-02T03:04:05Z","data":` + data + `}}}`
	}
	for _, c := range []struct {
		function, data string
		status         int
		says           string
	}{
		{"schedule0", `{"Data":{"timer":{"IsPastDue":false}}}`, 200, "GOT dev.ferry.schedule.v1 36 /ferry/azure/timer {}"},
		{"queue0", queued("hello"), 200, "GOT dev.ferry.queue.message.v1 7 /ferry/azure/queue/orders hello 2"},
		{"queue0", queued(`{"n":1}`), 200, `/ferry/azure/queue/orders {"n":1} 2`},
		{"queue0", `{"Data":{"message":"plain"},"Metadata":{"Id":"8"}}`, 200, "GOT dev.ferry.queue.message.v1 8 /ferry/azure/queue/orders plain"},
		{"queue0", queued("fail"), 500, "failed on purpose"},
		{"queue0", bus(`{"n":1}`, "application/json"), 200, `GOT dev.ferry.queue.message.v1 7 /ferry/azure/queue/orders {"n":1} 2`},
		{"topic0", bus("hello", ""), 200, "GOT dev.ferry.topic.message.v1 7 /ferry/azure/topic/signups hello 2"},
		{"topic0", bus("fail", ""), 500, "failed on purpose"},
		{"queue1", queued("x"), 400, ""},
		{"queue0", "nonsense", 400, ""},
		{"pushed", grid("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/uploads/blobs/a/b", `{"contentLength":3}`), 200, `GOT dev.ferry.object.created.v1 1 /t {"bucket":"uploads","key":"a/b","size":3}`},
		{"pushed", grid("shop.signup", "s", `{"n":1}`), 200, `GOT dev.ferry.topic.message.v1 1 /t {"n":1}`},
		{"pushed", `{"Data":{"event":` + strconv.Quote(`{"id":"2","topic":"/t","subject":"s","eventType":"x","data":{}}`) + `}}`, 200, `GOT dev.ferry.topic.message.v1 2 /t {}`},
	} {
		if a := i.do("POST", "/"+c.function, []byte(c.data), host); a.status != c.status {
			t.Errorf("%s %s: got %d %s\n%s", c.function, c.data, a.status, a.body, i.out)
		}
		i.says(c.says)
	}
	// What the host hands on it marks, whatever the sender wrote.
	for _, headers := range [][]string{nil, {host, "x-ms-invocation-id: 1"}, {host, "x-forwarded-for: 192.0.2.1"}} {
		if a := i.do("POST", "/queue0", []byte(queued("forged")), headers...); a.status != 404 || a.body != "fetched" {
			t.Errorf("%v: got %d %s", headers, a.status, a.body)
		}
	}
	if strings.Contains(i.out.String(), "forged") {
		t.Errorf("a forged event came in:\n%s", i.out)
	}
}
