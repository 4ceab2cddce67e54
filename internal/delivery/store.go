package delivery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// record is a message as it lies on the disk, under the number that it got when it was put.
type record struct {
	Message
	Attempts int       `json:"attempts,omitempty"`
	Due      time.Time `json:"due,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Died     time.Time `json:"died,omitzero"`
}

// The buckets of the file: notes, and of each queue what waits and what is dead.
var (
	queuesBucket = []byte("queues")
	notesBucket  = []byte("notes")
	readyBucket  = []byte("ready")
	deadBucket   = []byte("dead")
)

// store is the file. Writes that come at the same time share one transaction, so that many cost hardly more than one.
type store struct {
	db     *bbolt.DB
	writes chan write
	ended  chan struct{}
}

type write struct {
	do   func(*bbolt.Tx) error
	done chan error
}

func openStore(file string) (*store, error) {
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("opening the messages in %s: %w", file, err)
	}
	s := &store{db: db, writes: make(chan write), ended: make(chan struct{})}
	go s.run()
	err = s.update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(queuesBucket)
		_, notes := tx.CreateBucketIfNotExists(notesBucket)
		return errors.Join(err, notes)
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close ends the store; nobody uses it any more.
func (s *store) close() error {
	close(s.writes)
	<-s.ended
	return s.db.Close()
}

// update changes the file; what it did is on the disk when it returns nil.
func (s *store) update(do func(*bbolt.Tx) error) error {
	w := write{do: do, done: make(chan error, 1)}
	s.writes <- w
	return <-w.done
}

func (s *store) run() {
	defer close(s.ended)
	for first := range s.writes {
		all := s.gather(first)
		err := s.db.Update(func(tx *bbolt.Tx) error {
			for _, w := range all {
				if err := w.do(tx); err != nil {
					return err
				}
			}
			return nil
		})
		for _, w := range all {
			w.done <- err
		}
	}
}

// gather is a write and those that wait with it.
func (s *store) gather(first write) []write {
	const most = 256
	all := []write{first}
	for len(all) < most {
		select {
		case w, open := <-s.writes:
			if !open {
				return all
			}
			all = append(all, w)
		default:
			return all
		}
	}
	return all
}

// bucket is a queue's part of a kind, made where it is missing.
func bucket(tx *bbolt.Tx, queue string, kind []byte) (*bbolt.Bucket, error) {
	q, err := tx.Bucket(queuesBucket).CreateBucketIfNotExists([]byte(queue))
	if err != nil {
		return nil, err
	}
	return q.CreateBucketIfNotExists(kind)
}

// each hands the records of a queue's part to see, in the order of their numbers.
func each(tx *bbolt.Tx, queue string, kind []byte, see func(uint64, record) error) error {
	q := tx.Bucket(queuesBucket).Bucket([]byte(queue))
	if q == nil || q.Bucket(kind) == nil {
		return nil
	}
	return q.Bucket(kind).ForEach(func(k, v []byte) error {
		r, err := decode(v)
		if err != nil {
			return err
		}
		return see(binary.BigEndian.Uint64(k), r)
	})
}

func decode(data []byte) (r record, err error) {
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("reading a message: %w", err)
	}
	return r, nil
}

func put(b *bbolt.Bucket, number uint64, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return b.Put(key(number), data)
}

func key(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }
