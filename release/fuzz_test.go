package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// ledgerOf are the objects of a service that was deployed, changed and rolled back.
func ledgerOf(t *testing.T, dir, cache string) map[string][]byte {
	t.Helper()
	s := newService(t)
	s.dir, s.cache = dir, cache
	s.all("one").deploy()
	s.all("two").deploy()
	s.rollback(0)
	store := s.store()
	keys, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string][]byte{}
	for _, key := range keys {
		o, err := store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if objects[key], err = io.ReadAll(o.Body); err != nil {
			t.Fatal(err)
		}
	}
	return objects
}

func (s *service) store() providers.Store {
	s.Helper()
	store, err := s.engine().Adapter.Store(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return store
}

// FuzzLedger changes one file of a ledger at one place. Whatever it says then, no command breaks or waits for ever, and
// what cannot be read is named.
func FuzzLedger(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	names := []string{"live.json", "lock.json", "releases/000001.json", "releases/000002.json", "releases/000003.json"}
	for i := range names {
		f.Add(uint8(i), uint16(0), uint16(0), []byte{})
		f.Add(uint8(i), uint16(0), uint16(9999), []byte("{}"))
		f.Add(uint8(i), uint16(100), uint16(9999), []byte(nil))
		f.Add(uint8(i), uint16(40), uint16(1), []byte("-7"))
		f.Add(uint8(i), uint16(0), uint16(9999), []byte(`{"format": 1, "number": 9, "good": [4, -1], "history": null, "functions": {"api": {}}, "state": "activating", "holder": {}, "unfinished": 2}`))
	}
	var once sync.Once
	var objects map[string][]byte
	dir, cache := f.TempDir(), f.TempDir()
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, insert []byte) {
		once.Do(func() { objects = ledgerOf(t, dir, cache) })
		name := names[int(which)%len(names)]
		key := "shop/dev/here/" + name
		was := objects[key]
		from := min(int(at), len(was))
		data := bytes.Join([][]byte{was[:from], insert, was[min(from+int(cut), len(was)):]}, nil)
		s := newService(t)
		s.ttl, s.dir, s.cache = 20*time.Millisecond, dir, cache
		s.code = map[string]string{"api": "", "jobs": "", "web": ""}
		store := s.store()
		for k, content := range objects {
			if k == key {
				content = data
			}
			if _, err := store.Put(t.Context(), k, bytes.NewReader(content), providers.IfAbsent()); err != nil {
				t.Fatal(err)
			}
		}
		roundTrip(t, data)
		if history, err := s.engine().Releases(t.Context(), 0); err == nil {
			for i, r := range history.Releases {
				if number := len(history.Releases) - i; r.Number != number {
					t.Fatalf("release %d is listed as %d: %s", number, r.Number, data)
				}
			}
		}
		for command, err := range s.commands(t) {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s waits for ever on %s: %s", command, name, data)
			}
			reads := command == "releases" || name == "live.json" || name == "lock.json" && command != "rollback"
			if reads && !json.Valid(data) && (err == nil || !strings.Contains(err.Error(), name)) {
				t.Fatalf("%s says %v of the damaged %s", command, err, name)
			}
		}
	})
}

// commands runs what a person would try, in that order.
func (s *service) commands(t *testing.T) map[string]error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := map[string]error{}
	_, ended["status"] = s.engine().Status(ctx)
	_, ended["releases"] = s.engine().Releases(ctx, 0)
	_, ended["plan"] = s.engine().Plan(ctx, nil)
	_, ended["rollback"] = s.engine().Rollback(ctx, release.RollbackOptions{NoVerify: true})
	_, ended["resume"] = s.engine().Resume(ctx, false)
	_, ended["deploy"] = s.engine().Deploy(ctx, release.DeployOptions{NoVerify: true, Force: true})
	return ended
}

// roundTrip expects that a record says the same after it was written anew.
func roundTrip(t *testing.T, data []byte) {
	t.Helper()
	var first, second release.Record
	if json.Unmarshal(data, &first) != nil {
		return
	}
	again, err := json.Marshal(first)
	if err != nil {
		return // a time that JSON cannot have, which is read and never written
	}
	if err := json.Unmarshal(again, &second); err != nil {
		t.Fatalf("a record cannot be read back: %v\n%s", err, again)
	}
	if last, err := json.Marshal(second); err != nil || !bytes.Equal(again, last) {
		t.Fatalf("a record changes when it is written anew, %v:\n%s\n%s", err, again, last)
	}
}
