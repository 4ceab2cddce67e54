package gcp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// checked are the issues of a function that is fine but for the change, as "severity field: message".
func checked(t *testing.T, block map[string]any, change func(*manifest.Function)) []string {
	t.Helper()
	a, err := New(providers.Config{
		Service: "shop", Stage: "dev", Target: "gcp", Block: blockOf(map[string]any{"project": "my-project", "region": "europe-west1"}),
		Env: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	fn := manifest.Function{
		Name: "api", Runtime: "nodejs24", Style: manifest.StyleFetch, Handler: "app.mjs", Memory: 512 * manifest.MB, Timeout: manifest.Duration(30 * time.Second),
		Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	if block != nil {
		fn.Config = blockOf(block)
	}
	if change != nil {
		change(&fn)
	}
	var all []string
	for _, i := range a.Check(fn) {
		if i.From.IsZero() {
			all = append(all, fmt.Sprintf("%s %s: %s", i.Severity, i.Field, i.Message))
		}
	}
	return all
}

func queued(attempts int, backoff time.Duration) []manifest.Event {
	return []manifest.Event{{Queue: &manifest.QueueEvent{Name: "orders", Batch: 1, Attempts: attempts, Backoff: manifest.Duration(backoff)}}}
}

func TestWhatGoogleCannotHonourIsSaidBeforeAnythingIsSent(t *testing.T) {
	schedule := manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}}
	uploads := func(fn *manifest.Function) {
		fn.Style, fn.Events = manifest.StyleAzure, []manifest.Event{{Object: &manifest.ObjectEvent{Bucket: "uploads"}}}
	}
	for _, c := range []struct {
		block  map[string]any
		change func(*manifest.Function)
		want   string // of the one issue; "" is none
	}{
		{nil, nil, ""},
		{nil, func(fn *manifest.Function) { fn.Architecture = "arm64" }, "blocker architecture: "},
		{nil, func(fn *manifest.Function) { fn.Runtime = "nodejs18" }, "blocker runtime: Google has no runtime for nodejs18"},
		{nil, func(fn *manifest.Function) { fn.Runtime = "nodejs26" }, "warning runtime: Google offers nodejs26 as a preview only"},
		{nil, func(fn *manifest.Function) { fn.Memory = 64 * manifest.GB }, "blocker memory: "},
		{nil, func(fn *manifest.Function) { fn.Timeout = manifest.Duration(2 * time.Hour) }, "blocker timeout: "},
		{nil, func(fn *manifest.Function) { fn.Timeout = manifest.Duration(time.Hour) }, ""},
		{nil, func(fn *manifest.Function) { fn.Env = map[string]string{"PORT": "1"} }, "blocker env.PORT: Cloud Run sets PORT itself"},
		{nil, func(fn *manifest.Function) { fn.Env = map[string]string{"K_SERVICE": "x"} }, "blocker env.K_SERVICE: "},
		{nil, func(fn *manifest.Function) { fn.Env = map[string]string{"BIG": strings.Repeat("x", maxValue+1)} }, "blocker env.BIG: "},
		{nil, func(fn *manifest.Function) { fn.Style, fn.Events = manifest.StyleServer, queued(0, 0) }, ""},
		{nil, func(fn *manifest.Function) {
			fn.Style, fn.Events = manifest.StyleServer, append(fn.Events, queued(0, 0)...)
		}, "blocker events[1].queue: a program that everybody may call cannot tell"},
		{nil, func(fn *manifest.Function) { fn.Style, fn.Events = manifest.StyleServer, []manifest.Event{schedule} }, "blocker events[0].schedule: Cloud Scheduler sends no CloudEvents"},
		{nil, func(fn *manifest.Function) { fn.Events = queued(3, 0) }, "warning events[0].queue.attempts: Pub/Sub tries a message 5 times at least, not 3"},
		{nil, func(fn *manifest.Function) { fn.Events = queued(101, 0) }, "blocker events[0].queue.attempts: "},
		{nil, func(fn *manifest.Function) { fn.Events = queued(0, 11*time.Minute) }, "blocker events[0].queue.backoff: "},
		{nil, func(fn *manifest.Function) { fn.Events = queued(0, 1500*time.Millisecond) }, "warning events[0].queue.backoff: backoff is rounded up to 2s"},
		{nil, func(fn *manifest.Function) { fn.Scaling.Concurrency = 2000 }, "blocker scaling.concurrency: "},
		{nil, func(fn *manifest.Function) { fn.Scaling.Concurrency = 40 }, ""},
		{map[string]any{"cpu": "0.5"}, func(fn *manifest.Function) { fn.Scaling.Concurrency = 40 }, "warning scaling.concurrency: an instance with 0.5 CPUs gets one request at a time, not 40"},
		{map[string]any{"cpu": "3"}, func(fn *manifest.Function) { fn.Memory = 2 * manifest.GB }, "warning gcp.cpu: cpu is rounded up from 3 to 4"},
		{map[string]any{"cpu": "16"}, nil, "blocker gcp.cpu: "},
		{map[string]any{"cpu": "0.1"}, func(fn *manifest.Function) { fn.Memory = 2 * manifest.GB }, "blocker gcp.cpu: 2GB of memory needs more than 0.1 CPUs"},
		{map[string]any{"cpu": "8"}, nil, "blocker memory: 8 CPUs need more than 512MB of memory"},
		{map[string]any{"ingress": "nobody"}, nil, "blocker gcp.ingress: "},
		{map[string]any{"service_account": "me"}, nil, "blocker gcp.service_account: "},
		{map[string]any{"roles": []string{"editor"}}, nil, "blocker gcp.roles: "},
		{map[string]any{"roles": []string{"roles/datastore.user"}}, nil, ""},
		{nil, uploads, "warning events[0].object: a blob trigger gets the content of its object, which the function's account may not read"},
		{map[string]any{"roles": []string{"roles/storage.objectViewer"}}, uploads, ""},
		{map[string]any{"vpc_connector": "one", "network": "default"}, nil, "blocker gcp.network: "},
		{map[string]any{"egress": "all-traffic"}, nil, "blocker gcp.egress: "},
		{map[string]any{"base_image": "Not An Image"}, nil, "blocker gcp.base_image: "},
		{map[string]any{"labels": map[string]string{"Team": "shop"}}, nil, "blocker gcp.labels: "},
		{map[string]any{"labels": map[string]string{"ferry-stage": "x"}}, nil, "blocker gcp.labels: "},
		{nil, func(fn *manifest.Function) {
			fn.Events, fn.Timeout = append(fn.Events, schedule), manifest.Duration(20*time.Minute)
		}, "blocker timeout: "},
	} {
		got := checked(t, c.block, c.change)
		if c.want == "" && len(got) == 0 || len(got) == 1 && c.want != "" && strings.HasPrefix(got[0], c.want) {
			continue
		}
		t.Errorf("%v: want %q, got %q", c.block, c.want, got)
	}
}

func TestAnInstanceGetsTheCPUsThatComeWithItsMemory(t *testing.T) {
	for memory, want := range map[manifest.Size]string{
		128 * manifest.MB: "83m", 200 * manifest.MB: "167m", 256 * manifest.MB: "167m", 512 * manifest.MB: "333m", manifest.GB: "583m",
		2 * manifest.GB: "1", 4 * manifest.GB: "2", 8 * manifest.GB: "2", 16 * manifest.GB: "4", 32 * manifest.GB: "8",
	} {
		f := function{Function: manifest.Function{Memory: memory}}
		if got := limitOf(f.cpu()); got != want {
			t.Errorf("%s of memory comes with %s CPUs, want %s", memory, got, want)
		}
		if f.cpu() < neededCPU(memory) || memory < leastMemory(f.cpu()) {
			t.Errorf("%s CPUs with %s of memory are refused by Cloud Run", f.cpu(), memory)
		}
		if one := f.concurrency() == 1; one != (f.cpu() < wholeCPU) {
			t.Errorf("an instance of %s gets %d requests at once", memory, f.concurrency())
		}
	}
}

func TestNamesAreShortEnoughToBeTaggedAndToldApart(t *testing.T) {
	long := strings.Repeat("abcdefghijklmnop", 2)
	p := &place{service: long, stage: long}
	seen := map[string]string{}
	for _, fn := range []string{"api", "api-", "a", long, long[:31] + "x"} {
		id := p.serviceName(fn)
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s are both called %s", fn, other, id)
		}
		seen[id] = fn
		if strings.HasSuffix(id, "-") || len(id)+len(tagOf(id)) > maxTagged || len(p.revisionName(spec{function: function{Function: namedFunction(fn)}, digest: "sha256:" + strings.Repeat("a", 64)}, 12)) > 63 {
			t.Errorf("the name %s cannot be had", id)
		}
	}
}
