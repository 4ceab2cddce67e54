package delivery

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Engine is a file of messages and their delivery. Its methods may be called from several goroutines, but for Close.
type Engine struct {
	store *store

	mu     sync.Mutex
	queues map[string]*queue
}

// Open opens a file of messages, or makes one. Nothing is delivered before somebody consumes.
func Open(file string) (*Engine, error) {
	s, err := openStore(file)
	if err != nil {
		return nil, err
	}
	e := &Engine{store: s, queues: map[string]*queue{}}
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(queuesBucket).ForEachBucket(func(name []byte) error {
			q := newQueue(string(name))
			e.queues[q.name] = q
			return q.load(tx)
		})
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return e, nil
}

// Close closes the file. Everybody who consumes or puts has stopped.
func (e *Engine) Close() error { return e.store.close() }

// Put takes messages, all of them or none, and with them notes that hold exactly when the messages are there; a nil one is
// forgotten. They are on the disk when it returns nil.
func (e *Engine) Put(messages []Envelope, notes map[string][]byte) error {
	now := time.Now().UTC().Round(0)
	numbers := make([]uint64, len(messages))
	err := e.store.update(func(tx *bbolt.Tx) error {
		for i, m := range messages {
			b, err := bucket(tx, m.Queue, readyBucket)
			if err == nil {
				numbers[i], err = b.NextSequence()
			}
			if err == nil {
				err = put(b, numbers[i], record{Message: m.Message, Due: now})
			}
			if err != nil {
				return err
			}
		}
		return keep(tx.Bucket(notesBucket), notes)
	})
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, m := range messages {
		q := e.queue(m.Queue)
		q.add(entry{number: numbers[i], group: m.Message.Group, due: now})
		q.wake()
	}
	return nil
}

func keep(b *bbolt.Bucket, notes map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		var err error
		if value := notes[name]; value == nil {
			err = b.Delete([]byte(name))
		} else {
			err = b.Put([]byte(name), value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Notes are those whose names begin so, without that beginning.
func (e *Engine) Notes(prefix string) (map[string][]byte, error) {
	found := map[string][]byte{}
	err := e.store.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(notesBucket).Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && len(k) >= len(prefix) && string(k[:len(prefix)]) == prefix; k, v = c.Next() {
			found[string(k[len(prefix):])] = slices.Clone(v)
		}
		return nil
	})
	return found, err
}

// queue is the one of a name. The lock is held.
func (e *Engine) queue(name string) *queue {
	q := e.queues[name]
	if q == nil {
		q = newQueue(name)
		e.queues[name] = q
	}
	return q
}

// Has reports whether anything was ever put into a queue, or somebody consumes it.
func (e *Engine) Has(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queues[name] != nil
}

// Queues describes all, sorted by name.
func (e *Engine) Queues() ([]Info, error) {
	e.mu.Lock()
	names := slices.Sorted(maps.Keys(e.queues))
	e.mu.Unlock()
	var all []Info
	err := e.store.db.View(func(tx *bbolt.Tx) error {
		for _, name := range names {
			i := Info{Queue: name}
			err := each(tx, name, readyBucket, func(_ uint64, r record) error {
				if i.Depth++; i.Depth == 1 {
					i.Oldest = r.Sent
				}
				return nil
			})
			if err == nil {
				err = each(tx, name, deadBucket, func(_ uint64, r record) error {
					i.Dead = append(i.Dead, DeadLetter{Message: r.Message, Attempts: r.Attempts, Reason: r.Reason, Died: r.Died})
					return nil
				})
			}
			if err != nil {
				return err
			}
			all = append(all, i)
		}
		return nil
	})
	return all, err
}

// Redrive has the dead letters of a queue delivered again, in their old places, and says how many they were.
func (e *Engine) Redrive(name string) (int, error) {
	now, n := time.Now().UTC().Round(0), 0
	err := e.store.update(func(tx *bbolt.Tx) error {
		n = 0
		ready, err := bucket(tx, name, readyBucket)
		if err != nil {
			return err
		}
		dead, err := bucket(tx, name, deadBucket)
		if err != nil {
			return err
		}
		var numbers []uint64
		err = each(tx, name, deadBucket, func(number uint64, r record) error {
			numbers = append(numbers, number)
			return put(ready, number, record{Message: r.Message, Due: now})
		})
		for _, number := range numbers {
			err = errors.Join(err, dead.Delete(key(number)))
		}
		n = len(numbers)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, e.reload(name)
}

// reload reads a queue from the disk again.
func (e *Engine) reload(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := e.queue(name)
	defer q.wake()
	return e.store.db.View(q.load)
}

// Drop forgets a queue with all that is in it, also its dead letters. Nobody consumes it.
func (e *Engine) Drop(name string) error {
	err := e.store.update(func(tx *bbolt.Tx) error {
		err := tx.Bucket(queuesBucket).DeleteBucket([]byte(name))
		if errors.Is(err, bolterrors.ErrBucketNotFound) {
			return nil
		}
		return err
	})
	if err == nil {
		e.mu.Lock()
		delete(e.queues, name)
		e.mu.Unlock()
	}
	return err
}
