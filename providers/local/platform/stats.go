package platform

import (
	"slices"
	"sync"
	"time"
)

// recentTimings is of how many requests and starts it is kept how long they took.
const recentTimings = 256

// stats are what happened to a function since the platform runs.
type stats struct {
	mu       sync.Mutex
	requests int
	failed   int // of them, with a status of 500 and above
	starts   int
	took     timings // requests
	started  timings // cold starts
}

// timings are the last of many, the oldest first once they are sorted out.
type timings struct {
	at   int
	list []timing
}

// timing is how long one request or start took.
type timing struct {
	end  time.Time
	took time.Duration
	cold bool
	bad  bool
}

func (s *timings) add(one timing) {
	if len(s.list) < recentTimings {
		s.list = append(s.list, one)
		return
	}
	s.list[s.at] = one
	s.at = (s.at + 1) % recentTimings
}

// quantile is what that share of durations took at most; 0 of none.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(share*float64(len(all)-1)+0.5)]
}

// durations are how long all took.
func durations(all []timing) []time.Duration {
	list := make([]time.Duration, len(all))
	for i, one := range all {
		list[i] = one.took
	}
	return list
}

func (s *stats) request(one timing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if one.bad {
		s.failed++
	}
	s.took.add(one)
}

func (s *stats) start(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts++
	s.started.add(timing{end: time.Now(), took: took})
}

// coldStarts are how many there were, and what half of the last ones took at most. The lock of the service is held.
func (s *service) coldStarts() (n int, median time.Duration) {
	var all []time.Duration
	for _, f := range s.stats {
		f.mu.Lock()
		n += f.starts
		all = append(all, durations(f.started.list)...)
		f.mu.Unlock()
	}
	return n, quantile(all, 0.5)
}

// statsOf are those of a function. The lock is held.
func (s *service) statsOf(function string) *stats {
	f := s.stats[function]
	if f == nil {
		f = &stats{}
		s.stats[function] = f
	}
	return f
}
