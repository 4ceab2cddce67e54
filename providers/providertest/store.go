package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

// StorePlace is an empty store.
type StorePlace struct {
	Store providers.Store
	// Lose has the store's far end do the next write and lose its reply. nil where a write has no reply to lose.
	Lose func()
	// Hold has the next write wait on its way to the far end: held is closed when one waits, and goOn lets it arrive. nil
	// where nothing is between a store and what it keeps.
	Hold func() (held <-chan struct{}, goOn func())
	// Again opens the same store as another process. nil where a store keeps nothing of its own.
	Again func(t testing.TB) providers.Store
}

// RunStore runs the cases of the store's contract; open makes an empty store for each. It logs the cases that are left out.
func RunStore(t *testing.T, open func(t *testing.T) StorePlace) {
	place := open(t)
	for _, c := range storeCases() {
		if !c.concerns(place) {
			t.Logf("left out: %s", c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.try(t, open(t)) })
	}
}

// storeSentence is one sentence of the store's contract.
type storeSentence struct {
	name  string
	run   func(*storeCase)
	needs func(StorePlace) bool // nil needs nothing
}

func (c storeSentence) concerns(p StorePlace) bool { return c.needs == nil || c.needs(p) }

func (c storeSentence) try(t testing.TB, p StorePlace) { c.run(&storeCase{t, p.Store, p}) }

func storeCases() []storeSentence {
	loses := func(p StorePlace) bool { return p.Lose != nil }
	holds := func(p StorePlace) bool { return p.Hold != nil }
	return []storeSentence{
		{"what was put is read back with its tag and size", putGet, nil},
		{"an absent key is not found", absent, nil},
		{"if absent holds once", ifAbsent, nil},
		{"if tag holds for the tag that was read", ifTag, nil},
		{"equal tags mean equal bytes", tags, nil},
		{"delete with a stale tag deletes nothing", deleteStale, nil},
		{"a write that relies on another object is refused once that was changed", whileGuarded, nil},
		{"deleting nothing is no error", deleteNothing, nil},
		{"list is sorted and by prefix", list, nil},
		{"put reads its body from the start", putRewinds, nil},
		{"a body of several megabytes arrives whole", large, nil},
		{"of many writers with one condition one wins", race, nil},
		{"a put that arrives after another write is a conflict and changes nothing", putLate, holds},
		{"a hostile key is refused", hostileKeys, nil},
		{"what another process wrote is read", readsFresh, nil},
		{"a put whose reply is lost is known to be done, or a conflict", putLost, loses},
		{"a delete whose reply is lost is known to be done, or a conflict", deleteLost, loses},
	}
}

type storeCase struct {
	testing.TB
	providers.Store
	place StorePlace
}

func (s *storeCase) put(key, body string, c providers.Condition) providers.Tag {
	s.Helper()
	tag, err := s.Put(s.Context(), key, strings.NewReader(body), c)
	if err != nil || tag == "" {
		s.Fatalf("putting %s: tag %q, %v", key, tag, err)
	}
	return tag
}

func (s *storeCase) read(key string) (string, providers.Object) {
	s.Helper()
	o, err := s.Get(s.Context(), key)
	if err != nil {
		s.Fatal(err)
	}
	data, err := io.ReadAll(o.Body)
	if err := errors.Join(err, o.Body.Close()); err != nil {
		s.Fatal(err)
	}
	return string(data), o
}

func (s *storeCase) refused(err error, k providers.Kind) {
	s.Helper()
	if !errors.Is(err, k) {
		s.Fatalf("want an error of kind %q, got %v", k, err)
	}
}

func putGet(s *storeCase) {
	tag := s.put("a/b.json", "one", providers.IfAbsent())
	body, o := s.read("a/b.json")
	if body != "one" || o.Size != 3 || o.Tag != tag {
		s.Errorf("read back %q, size %d, tag %q instead of %q", body, o.Size, o.Tag, tag)
	}
	s.put("a/b.json", "two!", providers.Condition{})
	if body, _ := s.read("a/b.json"); body != "two!" {
		s.Errorf("read back %q", body)
	}
}

func absent(s *storeCase) {
	_, err := s.Get(s.Context(), "a/b.json")
	s.refused(err, providers.NotFound)
}

func ifAbsent(s *storeCase) {
	s.put("a", "one", providers.IfAbsent())
	_, err := s.Put(s.Context(), "a", strings.NewReader("two"), providers.IfAbsent())
	s.refused(err, providers.Conflict)
	if body, _ := s.read("a"); body != "one" {
		s.Errorf("the refused write left %q", body)
	}
}

func ifTag(s *storeCase) {
	first := s.put("a", "one", providers.Condition{})
	s.put("a", "two", providers.IfTag(first))
	_, err := s.Put(s.Context(), "a", strings.NewReader("three"), providers.IfTag(first))
	s.refused(err, providers.Conflict)
	_, err = s.Put(s.Context(), "b", strings.NewReader("new"), providers.IfTag(first))
	s.refused(err, providers.Conflict)
	if body, _ := s.read("a"); body != "two" {
		s.Errorf("the refused write left %q", body)
	}
}

func tags(s *storeCase) {
	first := s.put("a", "one", providers.Condition{})
	if second := s.put("a", "two", providers.Condition{}); first == second {
		s.Errorf("two contents have the tag %q", first)
	}
}

func deleteStale(s *storeCase) {
	first := s.put("a", "one", providers.Condition{})
	second := s.put("a", "two", providers.Condition{})
	s.refused(s.Delete(s.Context(), "a", providers.IfTag(first)), providers.Conflict)
	if body, _ := s.read("a"); body != "two" {
		s.Errorf("the refused delete left %q", body)
	}
	if err := s.Delete(s.Context(), "a", providers.IfTag(second)); err != nil {
		s.Fatal(err)
	}
	_, err := s.Get(s.Context(), "a")
	s.refused(err, providers.NotFound)
}

func whileGuarded(s *storeCase) {
	old := s.put("lock", "one", providers.Condition{})
	s.put("a", "kept", providers.Condition{})
	now := s.put("lock", "two", providers.Condition{})
	for _, g := range []providers.Guard{{Key: "lock", Tag: old}, {Key: "gone", Tag: now}} {
		s.refused(s.Delete(s.Context(), "a", providers.Condition{While: g}), providers.Conflict)
		_, err := s.Put(s.Context(), "a", strings.NewReader("other"), providers.Condition{While: g})
		s.refused(err, providers.Conflict)
	}
	if body, _ := s.read("a"); body != "kept" {
		s.Errorf("a refused write left %q", body)
	}
	if err := s.Delete(s.Context(), "a", providers.Condition{While: providers.Guard{Key: "lock", Tag: now}}); err != nil {
		s.Fatal(err)
	}
	_, err := s.Get(s.Context(), "a")
	s.refused(err, providers.NotFound)
}

func deleteNothing(s *storeCase) {
	if err := s.Delete(s.Context(), "a", providers.Condition{}); err != nil {
		s.Error(err)
	}
	s.refused(s.Delete(s.Context(), "a", providers.IfTag("tag")), providers.Conflict)
}

func list(s *storeCase) {
	for _, key := range []string{"b/2", "a/9", "b/10", "b/1", "bb"} {
		s.put(key, key, providers.IfAbsent())
	}
	keys, err := s.List(s.Context(), "b/")
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b/1", "b/10", "b/2"}, keys); diff != "" {
		s.Error(diff)
	}
}

func putRewinds(s *storeCase) {
	body := strings.NewReader("whole")
	_, _ = body.ReadByte()
	if _, err := s.Put(s.Context(), "a", body, providers.Condition{}); err != nil {
		s.Fatal(err)
	}
	if got, _ := s.read("a"); got != "whole" {
		s.Errorf("read back %q", got)
	}
}

func large(s *storeCase) {
	body := strings.Repeat("0123456789abcdef", 1<<18)
	s.put("a", body, providers.IfAbsent())
	if got, o := s.read("a"); got != body || o.Size != int64(len(body)) {
		s.Errorf("of %d bytes %d came back", len(body), len(got))
	}
}

func race(s *storeCase) {
	const writers, rounds = 8, 10
	tag := s.put("counter", "start", providers.IfAbsent())
	for round := range rounds {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var won []providers.Tag
		for w := range writers {
			wg.Go(func() {
				got, err := s.Put(context.WithoutCancel(s.Context()), "counter", bytes.NewReader(fmt.Appendf(nil, "round %d writer %d", round, w)), providers.IfTag(tag))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, got)
				} else if !errors.Is(err, providers.Conflict) {
					s.Error(err)
				}
			})
		}
		wg.Wait()
		_, o := s.read("counter")
		if len(won) != 1 || !slices.Contains(won, o.Tag) {
			s.Fatalf("round %d: %d writers won; the object has tag %q", round, len(won), o.Tag)
		}
		tag = o.Tag
	}
}

func readsFresh(s *storeCase) {
	first := s.put("a", "one", providers.IfAbsent())
	other := s.Store
	if s.place.Again != nil {
		other = s.place.Again(s.TB)
	}
	if _, err := other.Put(s.Context(), "a", strings.NewReader("two"), providers.IfTag(first)); err != nil {
		s.Fatal(err)
	}
	body, o := s.read("a")
	if body != "two" || o.Tag == first {
		s.Errorf("another process wrote %q, and %q is read with the tag %q", "two", body, o.Tag)
	}
	if err := other.Delete(s.Context(), "a", providers.IfTag(o.Tag)); err != nil {
		s.Fatal(err)
	}
	_, err := s.Get(s.Context(), "a")
	s.refused(err, providers.NotFound)
}

// known expects a write whose reply was lost to be a success, or a conflict when a repeated request met its own write: the
// writer then reads back. Anything else leaves open what there is.
func (s *storeCase) known(err error) {
	s.Helper()
	if err != nil {
		s.refused(err, providers.Conflict)
	}
}

func putLost(s *storeCase) {
	condition := providers.IfAbsent()
	for _, body := range []string{"one", "two", "three"} {
		s.place.Lose()
		tag, err := s.Put(s.Context(), "a", strings.NewReader(body), condition)
		s.known(err)
		got, o := s.read("a")
		if got != body || err == nil && o.Tag != tag {
			s.Errorf("the put of %q returned %q; %q is read with the tag %q", body, tag, got, o.Tag)
		}
		condition = providers.IfTag(o.Tag)
	}
	s.place.Lose()
	_, err := s.Put(s.Context(), "a", strings.NewReader("four"), providers.IfAbsent())
	s.refused(err, providers.Conflict)
	if got, _ := s.read("a"); got != "three" {
		s.Errorf("the refused write left %q", got)
	}
}

func deleteLost(s *storeCase) {
	tag := s.put("a", "one", providers.IfAbsent())
	s.place.Lose()
	s.known(s.Delete(s.Context(), "a", providers.IfTag(tag)))
	_, err := s.Get(s.Context(), "a")
	s.refused(err, providers.NotFound)
}

func putLate(s *storeCase) {
	tag := s.put("a", "one", providers.IfAbsent())
	held, release := s.place.Hold()
	goOn := sync.OnceFunc(release)
	defer goOn()
	done := make(chan error, 1)
	go func() {
		_, err := s.Put(s.Context(), "a", strings.NewReader("late"), providers.IfTag(tag))
		done <- err
	}()
	select {
	case <-held:
	case err := <-done:
		s.Fatalf("the put ended with %v before it was held", err)
	}
	s.put("a", "two", providers.IfTag(tag))
	goOn()
	s.refused(<-done, providers.Conflict)
	if got, _ := s.read("a"); got != "two" {
		s.Errorf("the late write left %q", got)
	}
}

func hostileKeys(s *storeCase) {
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\x00b", `a\b`, "a b"} {
		if _, err := s.Put(s.Context(), key, strings.NewReader("x"), providers.Condition{}); err == nil {
			s.Errorf("the key %q was accepted", key)
		}
	}
}
