package memory

import "time"

// Pace is how slow a world is, as clouds are that build what they are given and tell their hosts one after the other.
type Pace struct {
	// Settling is how long putting one function back may take; 0 is a minute.
	Settling time.Duration
}

func (w *World) settling() time.Duration {
	if w.Pace.Settling == 0 {
		return time.Minute
	}
	return w.Pace.Settling
}
