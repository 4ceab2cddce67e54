//go:build unix

package platform

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// seen is the page at a URL as a browser asks for it.
func (p *place) seen(url string) (status int, text string, header http.Header) {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func TestTheStatusPageShowsWhatServesToAllAndQueuesAndLogsToWhoHasItsKey(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.worker(quick("orders"))
	for range 3 {
		_, _ = p.get("api/log?line=%3Cscript%3Ealert(1)%3C/script%3E")
	}
	platformtest.Until(t, "its output is in the log", func() bool { return strings.Contains(p.log("api"), "alert(1)") })
	p.send(KindQueue, "orders", "fails")
	platformtest.Until(t, "it is dead", func() bool { return len(p.queue(KindQueue, "orders").Dead) == 1 })
	i, err := p.client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	private := []string{"&lt;script&gt;alert(1)", "on purpose", "orders"}
	for url, known := range map[string]bool{p.url(""): false, p.url(".ferry/guessed/"): false, i.Services[0].Page: true} {
		status, text, header := p.seen(url)
		if strings.Contains(url, "guessed") {
			if status != http.StatusNotFound {
				t.Errorf("a guessed key is answered with %d", status)
			}
			continue
		}
		if status != http.StatusOK || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(text, "<script") {
			t.Errorf("%s: %d, %v", url, status, header)
		}
		for _, want := range []string{"http://api.localhost:", "<svg", "half within", "worker", ">one<", "1 of at most 10"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %s:\n%s", url, want, text)
			}
		}
		for _, want := range private {
			if strings.Contains(text, want) != known {
				t.Errorf("%s shows %q: %t", url, want, !known)
			}
		}
	}
}
