package platform

import (
	"sync"
	"time"
)

// outputRate is how much of what one instance writes in a second goes into the log, in bytes. What is beyond it is read,
// so that the instance goes on, and left out: a program in a loop must not keep the disk and this process busy.
const outputRate = 4 << 20

// budget is what is left of the output of this second.
type budget struct {
	mu     sync.Mutex
	second int64
	used   int
	over   bool
}

// take asks for room for so many bytes. The first time in a second that there is none it says so.
func (b *budget) take(n int, now time.Time) (room, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := now.Unix(); s != b.second {
		b.second, b.used, b.over = s, 0, false
	}
	if b.used += n; b.used <= outputRate {
		return true, false
	}
	first, b.over = !b.over, true
	return false, first
}
