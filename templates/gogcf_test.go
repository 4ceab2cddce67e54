package templates_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// goFunctions are functions that a package registers with Google's functions-framework.
func goFunctions() (program, manifest.Function) {
	p := goProgram(manifest.StyleGCF)
	p.source = "gcf/gogcf"
	return p, p.function(func(fn *manifest.Function) {
		fn.Events = append(fn.Events, manifest.Event{Topic: &manifest.TopicEvent{Name: "signups"}})
	})
}

func TestInGoAFunctionOfGooglesFrameworkAnswersTheSameEverywhere(t *testing.T) {
	t.Parallel()
	p, fn := goFunctions()
	local := p.launch(t, packages(), fn).ready()
	l := p.run(t, p.build(t, packages(), fn), lambdatest.Function{})
	for where, do := range map[string]func(method, target string, body []byte, headers ...string) answer{"locally": local.do, "on Lambda": l.do} {
		a := do("POST", "/a%2Fb?x=1&x=%zz", []byte("hello"), "x-name: grün", "x-forwarded-for: 192.0.2.1")
		if a.status != 200 || a.body != `POST shop.example:8080 /a%2Fb?x=1&x=%zz grün "hello" 192.0.2.1` || len(a.header["Set-Cookie"]) != 2 {
			t.Errorf("%s: %d %s %v", where, a.status, a.body, a.header)
		}
		if a := do("GET", "/stream", nil); a.status != 200 || !strings.HasPrefix(a.body, "one\n") {
			t.Errorf("%s: %d %s", where, a.status, a.body)
		}
		if a := do("GET", "/panic", nil); a.status != 500 || a.header.Get("X-Google-Status") != "crash" {
			t.Errorf("%s, a panic: %d %v", where, a.status, a.header)
		}
		if a := do("GET", "/favicon.ico", nil); a.status != 200 {
			t.Errorf("%s: %d", where, a.status)
		}
	}
}

func TestInGoAFunctionOfGooglesFrameworkAnswersBeforeTheClientHasSentAll(t *testing.T) {
	t.Parallel()
	p, fn := goFunctions()
	conn, err := net.Dial("tcp", p.launch(t, packages(), fn).ready().addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	const size = 1 << 20
	fmt.Fprintf(conn, "POST /duplex HTTP/1.1\r\nhost: shop.example\r\ncontent-length: %d\r\n\r\nx", size)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	go func() { _, _ = io.WriteString(conn, strings.Repeat("x", size-1)) }()
	if got, err := io.ReadAll(res.Body); len(got) != len("begun")+size || err != nil {
		t.Errorf("the answer has %d bytes, %v", len(got), err)
	}
}

func TestInGoAFunctionOfGooglesFrameworkGetsEventsAsGoogleSendsThem(t *testing.T) {
	t.Parallel()
	p, fn := goFunctions()
	i := p.launch(t, packages(), fn).ready()
	for _, c := range []struct {
		kind, data, media string
		status            int
		says              string
	}{
		{"topic.message", "hello", "text/plain", 204, "MESSAGE 7 //pubsub.googleapis.com/projects/local/topics/signups hello\n"},
		{"queue.message", `{"n": 1}`, "application/json", 204, `MESSAGE 7 //pubsub.googleapis.com/projects/local/topics/signups {"n": 1}`},
		{"schedule", "", "application/json", 204, "MESSAGE 7 //pubsub.googleapis.com/projects/local/topics/signups \n"},
		{"topic.message", "fail", "text/plain", 500, "failed on purpose"},
		{"object.created", `{"bucket":"uploads","key":"a b.jpg","size":3}`, "application/json", 204, "EVENT google.cloud.storage.object.v1.finalized //storage.googleapis.com/projects/_/buckets/uploads objects/a b.jpg"},
		{"object.created", `{"bucket":"uploads","key":"a b.jpg","size":3}`, "application/json", 204, `"metageneration":"1"`},
		{"object.deleted", `{"bucket":"uploads","key":"x"}`, "application/json", 204, "EVENT google.cloud.storage.object.v1.deleted"},
		{"invoke", `{"n":1}`, "application/json", 204, "EVENT dev.ferry.invoke.v1 /topics/signups"},
	} {
		a := i.do("POST", "/.ferry/event", []byte(c.data), "ferry-instance: nonce", "ce-specversion: 1.0", "ce-id: 7", "ce-source: /topics/signups",
			"ce-type: dev.ferry."+c.kind+".v1", "ce-time: 2026-01-02T03:04:05Z", "content-type: "+c.media, `ferry-attributes: {"color":"red"}`)
		if a.status != c.status {
			t.Errorf("%s: %d %s", c.kind, a.status, a.body)
		}
		i.says(c.says)
	}
	i.says("COLOR red")
}

func TestAGoPackageOfAnotherStyleIsTheSameEveryTimeAndLeavesTheModuleAsItIs(t *testing.T) {
	t.Parallel()
	root := packages().Root
	sums, err := os.ReadFile(filepath.Join(root, "gcf/gogcf/go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []func() (program, manifest.Function){goLambda, goFunctions} {
		p, fn := made()
		digests := map[string]bool{}
		for range 2 {
			pk := &packager.Packager{Root: root, Cache: filepath.Join(t.TempDir(), "cache")}
			a, err := pk.Build(t.Context(), fn, packager.Platform{Shim: "local", OS: "linux", Arch: runtime.GOARCH, Runtime: "go"})
			if err != nil {
				t.Fatal(err)
			}
			digests[a.ZipDigest] = true
		}
		if len(digests) != 1 {
			t.Errorf("%s: two builds differ", p.name)
		}
	}
	if after, err := os.ReadFile(filepath.Join(root, "gcf/gogcf/go.sum")); err != nil || string(after) != string(sums) {
		t.Errorf("go.sum of the project has changed, %v", err)
	}
}
