package standin

import "time"

// Limit is how many calls of a kind are taken: a bucket that starts full.
type Limit struct {
	Of        func(Call) bool // which calls it is about
	PerSecond float64
	Burst     float64 // how many at once; PerSecond if 0

	tokens float64
	at     time.Time
}

// Limits enforces rates from now on, the first that is about a call counts. None ends that. What is over it is refused, and
// counted in Refusals.
func (k *Control) Limits(limits ...Limit) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limits = nil
	for _, l := range limits {
		if l.Burst == 0 {
			l.Burst = l.PerSecond
		}
		l.tokens = l.Burst
		k.limits = append(k.limits, &l)
	}
}

// Refusals counts the calls over the Limits since the last Reset.
func (k *Control) Refusals() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refusals
}

// over says whether a call exceeds the limit that is about it.
func (k *Control) over(call Call) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.limits {
		if !l.Of(call) {
			continue
		}
		if l.take(time.Now()) {
			return false
		}
		k.refusals++
		return true
	}
	return false
}

func (l *Limit) take(at time.Time) bool {
	if !l.at.IsZero() {
		l.tokens = min(l.Burst, l.tokens+at.Sub(l.at).Seconds()*l.PerSecond)
	}
	l.at = at
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
