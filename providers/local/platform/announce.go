package platform

import (
	"context"
	"net/http"
	"strings"

	g "maragu.dev/gomponents"
	"maragu.dev/gomponents/html"
)

// AnnounceRequest has browsers shown a text where they ask for a page of a function, for as long as the call lasts. All
// other requests are served as ever.
type AnnounceRequest struct {
	Scope
	Text string `json:"text"`
}

// announcement is a text that browsers are shown.
type announcement struct{ text string }

// announce shows a text until its caller leaves, or there is a later one.
func (s *server) announce(ctx context.Context, q AnnounceRequest) (none, error) {
	svc, err := s.service(q.Scope)
	if err != nil {
		return none{}, err
	}
	a := &announcement{q.Text}
	svc.announced.Store(a)
	defer svc.announced.CompareAndSwap(a, nil)
	select {
	case <-ctx.Done():
	case <-s.ending:
	}
	return none{}, nil
}

// announces answers a browser that opens a page while there is something to announce. It reports whether it did.
func (s *service) announces(w http.ResponseWriter, r *http.Request) bool {
	a := s.announced.Load()
	if a == nil || !opensPage(r) {
		return false
	}
	pageHeader(w.Header())
	w.WriteHeader(http.StatusInternalServerError)
	_ = document(s.scope.String(), "2", // seconds until it looks again
		html.H1(html.Class("bad"), g.Text("What was saved cannot be served")),
		html.Pre(g.Text(a.text)),
		html.P(html.Class("dim"), g.Text("What served before still answers all requests but those for pages. This page goes when a file is saved that can be served.")),
	).Render(w)
	return true
}

// opensPage reports whether a browser asks for a page to show, and not for what a page needs.
func opensPage(r *http.Request) bool {
	if to := r.Header.Get("Sec-Fetch-Dest"); to != "" && to != "document" && to != "iframe" {
		return false
	}
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Announce has browsers shown a text until ctx ends, or the platform does.
func (c *Client) Announce(ctx context.Context, q AnnounceRequest) error {
	e, err := c.running()
	if err != nil {
		return err
	}
	req, err := asking(ctx, e, "announce", q)
	if err != nil {
		return err
	}
	res, err := c.answer(e, "announce", req) // it comes at the end
	if err == nil {
		err = res.Body.Close()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
