//go:build unix

package platform

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

func TestABrowserThatOpensAPageSeesWhatIsAnnouncedAndAllElseIsServed(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	announced, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- p.client.Announce(announced, AnnounceRequest{Scope: shop, Text: "error: <b>app.js:1</b>"})
	}()
	door := URL(p.door("api"), "")
	platformtest.Until(t, "the page is shown", func() bool { status, _, _ := p.seen(door + "a/b"); return status == 500 })
	for _, url := range []string{door, p.url("api/")} {
		if _, text, _ := p.seen(url); !strings.Contains(text, "error: &lt;b&gt;app.js:1") || !strings.Contains(text, `http-equiv="refresh"`) {
			t.Errorf("%s shows %s", url, text)
		}
	}
	page := map[string]string{"Accept": "text/html", "Sec-Fetch-Dest": "document"}
	for name, c := range map[string]struct {
		method string
		header map[string]string
		want   int
	}{
		"a page":                         {"GET", page, 500},
		"a program":                      {"GET", nil, 200},
		"what a page fetches":            {"GET", map[string]string{"Accept": "text/html, */*", "Sec-Fetch-Dest": "empty"}, 200},
		"a picture":                      {"GET", map[string]string{"Accept": "image/*", "Sec-Fetch-Dest": "image"}, 200},
		"a form, whose data must not go": {"POST", page, 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, door, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s is answered with %d, want %d", name, res.StatusCode, c.want)
		}
	}
	leave()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	platformtest.Until(t, "the function's own page is back", func() bool { status, _, _ := p.seen(door); return status == 200 })
}

func TestWhatTheGatewayAnswersIsRecordedWithoutSecrets(t *testing.T) {
	p := serve(t, Options{})
	if err := p.home.SetSecret(shop, "key", []byte("hush-hush-value")); err != nil {
		t.Fatal(err)
	}
	p.live("api", revision("one", func(r *Revision) { r.Secrets = map[string]string{"KEY": "key"} }))
	recording, leave := context.WithCancel(t.Context())
	defer leave()
	heard, ended := make(chan Exchange, 1000), make(chan error, 1)
	go func() {
		ended <- p.client.Record(recording, RecordRequest{Scope: shop}, func(e Exchange) error { heard <- e; return nil })
	}()
	door := URL(p.door("api"), "")
	platformtest.Until(t, "it records", func() bool { _, _, _ = get(door + "first"); return len(heard) > 0 })
	later := func() Exchange { // what is first may come late
		e := <-heard
		for e.Path == "/first" {
			e = <-heard
		}
		return e
	}
	res, err := http.Post(door+"items?q=1", "text/plain", strings.NewReader("is it hush-hush-value?"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	e := later()
	if e.Function != "api" || e.Method != "POST" || e.Path != "/items?q=1" || string(e.Body) != "is it •••?" || e.Header["Content-Type"][0] != "text/plain" {
		t.Errorf("the request is recorded as %+v", e)
	}
	if answer := string(e.Answer.Body); e.Answer.Status != 200 || e.Answer.Took <= 0 || !strings.Contains(answer, "is it •••?") || len(e.Answer.Header["Content-Type"]) != 1 {
		t.Errorf("the answer is recorded as %d, %v: %s", e.Answer.Status, e.Answer.Header, answer)
	}
	if res, err = http.Post(door, "text/plain", strings.NewReader(strings.Repeat("x", recordedMost+1))); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if e = later(); !e.Cut || len(e.Body) != recordedMost {
		t.Errorf("of a long body %d bytes are recorded as whole: %t", len(e.Body), !e.Cut)
	}
	leave()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	p.echo("api/")
}

func TestWhoSitsInDoesNotHoldThePlatformsEndUp(t *testing.T) {
	p := &place{T: t, home: Home(t.TempDir())}
	stop := p.run(Options{})
	p.live("api", revision("one"))
	left := make(chan error, 2)
	go func() { left <- p.client.Announce(t.Context(), AnnounceRequest{Scope: shop, Text: "x"}) }()
	heard := make(chan Exchange, 1000)
	go func() {
		left <- p.client.Record(t.Context(), RecordRequest{Scope: shop}, func(e Exchange) error { heard <- e; return nil })
	}()
	platformtest.Until(t, "both are there", func() bool {
		status, _, _ := p.seen(URL(p.door("api"), ""))
		p.echo("api/")
		return status == 500 && len(heard) > 0
	})
	stop()
	for range 2 {
		if err := <-left; err != nil {
			t.Error(err)
		}
	}
}
