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

// RunStore runs the cases of the store's contract; open makes an empty store for each.
func RunStore(t *testing.T, open func(t *testing.T) providers.Store) {
	cases := []struct {
		name string
		run  func(*storeCase)
	}{
		{"what was put is read back with its tag and size", putGet},
		{"an absent key is not found", absent},
		{"if absent holds once", ifAbsent},
		{"if tag holds for the tag that was read", ifTag},
		{"equal tags mean equal bytes", tags},
		{"delete with a stale tag deletes nothing", deleteStale},
		{"deleting nothing is no error", deleteNothing},
		{"list is sorted and by prefix", list},
		{"put reads its body from the start", putRewinds},
		{"a body of several megabytes arrives whole", large},
		{"of many writers with one condition one wins", race},
		{"a hostile key is refused", hostileKeys},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(&storeCase{T: t, Store: open(t)}) })
	}
}

type storeCase struct {
	*testing.T
	providers.Store
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

func hostileKeys(s *storeCase) {
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\x00b", `a\b`, "a b"} {
		if _, err := s.Put(s.Context(), key, strings.NewReader("x"), providers.Condition{}); err == nil {
			s.Errorf("the key %q was accepted", key)
		}
	}
}
