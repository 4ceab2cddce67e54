package platform

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// page is what the status page shows.
type page struct {
	Scope     Scope
	Known     bool // to who asks: queues and logs are shown, too
	Functions []pageFunction
	Queues    []pageQueue
}

type pageFunction struct {
	Name, URL, Revision, Canary string
	Private                     bool
	Percent, Instances, Max     int
	ColdStarts                  int
	ColdStart, P50, P99         time.Duration
	Requests, Failed            int
	Earlier                     []string
	Bars                        []bar
	Width                       int
	Longest                     time.Duration
	Log                         []string
}

// bar is one request of the picture.
type bar struct {
	X         int
	Y, Height float64
	Class     string
}

type pageQueue struct {
	Kind, Name, Function string
	Depth, Dead          int
	Age                  time.Duration
	Reason               string
}

// pageKey is in the path of the page that shows queues and logs. It tells nothing of the platform's own token, which lets
// one do more than look.
func pageKey(token string, s Scope) string {
	sum := sha256.Sum256([]byte("page\x00" + token + "\x00" + s.String()))
	return hex.EncodeToString(sum[:16])
}

// serveStatus answers at the root of the service: a browser with the page, others with a list. It reports whether the
// request was for it.
func (s *service) serveStatus(w http.ResponseWriter, r *http.Request, target string) bool {
	path, _, _ := strings.Cut(target, "?")
	key, keyed := strings.CutPrefix(path, "/.ferry/")
	known := keyed && subtle.ConstantTimeCompare([]byte(strings.TrimSuffix(key, "/")), []byte(s.pageKey)) == 1
	switch {
	case path != "/" && !known:
		return false
	case !known && !strings.Contains(r.Header.Get("Accept"), "text/html"):
		s.index(w)
		return true
	}
	pageHeader(w.Header())
	if err := s.page(known).Render(w); err != nil {
		s.host.options.Log.Error("showing the status page", "service", s.scope.String(), "error", err)
	}
	return true
}

// page collects what is shown.
func (s *service) page(known bool) page { //nolint:revive // who asks decides what is shown
	p := page{Scope: s.scope, Known: known}
	routes, ports := *s.routes.Load(), *s.ports.Load()
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		f := s.pageFunction(name, routes[name])
		if port := ports[name]; port != 0 {
			f.URL = strings.Replace(URL(port, ""), "127.0.0.1", strings.ToLower(name)+".localhost", 1)
		}
		if known {
			f.Log = s.lastLines(name)
		}
		p.Functions = append(p.Functions, f)
	}
	if known {
		p.Queues = s.pageQueues()
	}
	return p
}

func (s *service) pageFunction(name string, r route) pageFunction {
	live := r.live.revision
	f := pageFunction{Name: name, Revision: live.ID, Private: live.HTTP && live.Private, Max: live.Max}
	for _, p := range r.pools() {
		p.mu.Lock()
		f.Instances += len(p.processes)
		p.mu.Unlock()
	}
	if r.canary != nil {
		f.Canary, f.Percent = r.canary.revision.ID, r.percent
	}
	f.count(r.live.stats)
	stored, _ := s.host.home.Revisions(s.scope, name)
	const most = 5
	for _, one := range slices.Backward(stored) {
		if one.ID != f.Revision && one.ID != f.Canary && len(f.Earlier) < most {
			f.Earlier = append(f.Earlier, one.ID)
		}
	}
	return f
}

// count takes in what happened to a function.
func (f *pageFunction) count(s *stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Requests, f.Failed, f.ColdStarts = s.requests, s.failed, s.starts
	f.ColdStart = rounded(quantile(durations(s.started.list), 0.5))
	took := durations(s.took.list)
	f.P50, f.P99 = rounded(quantile(took, 0.5)), rounded(quantile(took, 0.99))
	last := slices.Concat(s.took.list[s.took.at:], s.took.list[:s.took.at])
	const most, high, apart = 100, 40, 4
	last = last[max(0, len(last)-most):]
	longest := quantile(durations(last), 1)
	f.Longest, f.Width = rounded(longest), most*apart
	for i, one := range last {
		b := bar{Height: max(1, high*float64(one.took)/float64(max(1, longest)))}
		b.X, b.Y = (most-len(last)+i)*apart, high-b.Height // the newest stands at the end
		switch {
		case one.bad:
			b.Class = "bad"
		case one.cold:
			b.Class = "cold"
		}
		f.Bars = append(f.Bars, b)
	}
}

// rounded is a duration with the digits that matter.
func rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 10)
		}
	}
	return d
}

// lastLines are the ends of a function's log.
func (s *service) lastLines(name string) []string {
	var lines []string
	_ = s.host.home.Tail(context.Background(), s.scope, name, TailOptions{Lines: 8}, func(l Line) error {
		lines = append(lines, l.Time.Local().Format(time.TimeOnly)+" "+l.Text)
		return nil
	})
	return lines
}

func (s *service) pageQueues() []pageQueue {
	all, _ := s.events.queues()
	var shown []pageQueue
	for _, q := range all {
		one := pageQueue{Kind: q.Kind, Name: q.Name, Function: q.Function, Depth: q.Depth, Dead: len(q.Dead)}
		if q.Depth > 0 {
			one.Age = time.Since(q.Oldest).Round(time.Second)
		}
		if one.Dead > 0 {
			one.Reason = q.Dead[one.Dead-1].Reason
		}
		shown = append(shown, one)
	}
	return shown
}
