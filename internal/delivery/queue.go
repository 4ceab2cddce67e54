package delivery

import (
	"cmp"
	"container/heap"
	"time"

	"go.etcd.io/bbolt"
)

// entry is a message that waits or is under way; its content is on the disk.
type entry struct {
	number   uint64
	group    string
	due      time.Time
	attempts int
}

// queue knows of each message when it may be delivered. It is guarded by the engine's lock.
type queue struct {
	name     string
	waiting  entries            // that may be delivered once they are due: of a group, its first
	groups   map[string][]entry // of each, all in order; the first waits or is under way
	underway map[uint64]bool
	wakes    map[*Consumption]chan struct{}
}

func newQueue(name string) *queue {
	return &queue{name: name, groups: map[string][]entry{}, underway: map[uint64]bool{}, wakes: map[*Consumption]chan struct{}{}}
}

// load reads what waits from the disk.
func (q *queue) load(tx *bbolt.Tx) error {
	groups := map[string][]entry{}
	for name, all := range q.groups {
		if len(all) > 0 && q.underway[all[0].number] {
			groups[name] = all[:1]
		}
	}
	q.groups, q.waiting = groups, nil
	return each(tx, q.name, readyBucket, func(number uint64, r record) error {
		if !q.underway[number] {
			q.add(entry{number: number, group: r.Group, due: r.Due, attempts: r.Attempts})
		}
		return nil
	})
}

// add takes in a message.
func (q *queue) add(e entry) {
	if e.group != "" {
		all := q.groups[e.group]
		q.groups[e.group] = append(all, e)
		if len(all) > 0 {
			return
		}
	}
	heap.Push(&q.waiting, e)
}

// take hands out as many as are due, at most so many. Where there are none it says how long until there may be, 0 for
// unknown.
func (q *queue) take(most int, now time.Time) (batch []entry, wait time.Duration) {
	for len(batch) < most && len(q.waiting) > 0 {
		if wait = q.waiting[0].due.Sub(now); wait > 0 {
			break
		}
		e := heap.Pop(&q.waiting).(entry)
		q.underway[e.number] = true
		batch = append(batch, e)
	}
	return batch, max(wait, 0)
}

// again lets a message wait that was under way.
func (q *queue) again(e entry) {
	delete(q.underway, e.number)
	if e.group != "" {
		q.groups[e.group][0] = e
	}
	heap.Push(&q.waiting, e)
}

// done forgets a message that was under way, and lets the next of its group come.
func (q *queue) done(e entry) {
	delete(q.underway, e.number)
	if e.group == "" {
		return
	}
	rest := q.groups[e.group][1:]
	if len(rest) == 0 {
		delete(q.groups, e.group)
		return
	}
	q.groups[e.group] = rest
	heap.Push(&q.waiting, rest[0])
}

// wake tells those that wait for messages.
func (q *queue) wake() {
	for _, w := range q.wakes {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// entries are a heap, by when they are due and then by their numbers.
type entries []entry

// Len implements heap.Interface.
func (e entries) Len() int { return len(e) }

// Less implements heap.Interface.
func (e entries) Less(i, j int) bool {
	return cmp.Or(e[i].due.Compare(e[j].due), cmp.Compare(e[i].number, e[j].number)) < 0
}

// Swap implements heap.Interface.
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *entries) Push(x any) { *e = append(*e, x.(entry)) }

// Pop implements heap.Interface.
func (e *entries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
