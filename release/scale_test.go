package release_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/release/faults"
)

// counted runs work in a process of its own and returns its calls of the store by op, those on packages left out.
func (s *service) counted(work func(e *release.Engine) error) map[string]int {
	s.Helper()
	p := &faults.Process{}
	own := *s
	own.adapter = func(a *memory.Adapter) providers.Adapter { return p.Wrap(s.adapter(a)) }
	if err := work(own.engine()); err != nil {
		s.Fatal(err)
	}
	calls := map[string]int{}
	for _, c := range p.Calls() {
		if strings.HasPrefix(c.Op, "store ") && !strings.Contains(c.About, "/packages/") {
			calls[c.Op]++
		}
	}
	return calls
}

func TestADeployWritesTheLockTwiceTheRecordTwiceAndLiveOnce(t *testing.T) {
	s := newService(t).all("one")
	s.deploy()
	s.all("two")
	calls := s.counted(func(e *release.Engine) error { return second(e.Deploy(t.Context(), release.DeployOptions{})) })
	if calls["store put"] != 5 || calls["store delete"] > 0 || calls["store list"] > 0 {
		t.Errorf("a deploy makes these calls to the store: %v", calls)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTenThousandReleasesCostAsManyStoreCallsAsTen(t *testing.T) {
	cost := func(older int) map[string]map[string]int {
		s := newService(t)
		s.keep = 5
		s.adjust = func(fn *manifest.Function) { fn.Health = nil }
		for n := range 10 {
			s.all(fmt.Sprint(n)).deploy()
		}
		s.age(older)
		return map[string]map[string]int{
			"releases": s.counted(func(e *release.Engine) error { return second(e.Releases(t.Context(), 5)) }),
			"plan":     s.counted(func(e *release.Engine) error { return second(e.Plan(t.Context(), nil)) }),
			"status":   s.counted(func(e *release.Engine) error { return second(e.Status(t.Context())) }),
			"rollback": s.counted(func(e *release.Engine) error {
				return second(e.Rollback(t.Context(), release.RollbackOptions{}))
			}),
		}
	}
	if diff := cmp.Diff(cost(0), cost(9990)); diff != "" {
		t.Errorf("calls to the store with ten releases (-) and with ten thousand (+):\n%s", diff)
	}
}

// age puts that many releases before those that there are: every number grows by it.
func (s *service) age(by int) {
	s.Helper()
	store, err := memory.New(s.world).Store(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	const prefix = "shop/dev/here/"
	keys, err := store.List(s.Context(), prefix)
	if err != nil {
		s.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return path.Ext(key) == ".zip" })
	files := map[string]map[string]any{}
	for _, key := range keys {
		o, err := store.Get(s.Context(), key)
		if err != nil {
			s.Fatal(err)
		}
		var file map[string]any
		if err := errors.Join(json.NewDecoder(o.Body).Decode(&file), o.Body.Close()); err != nil {
			s.Fatal(err)
		}
		files[key] = file
	}
	put := func(key string, file map[string]any) {
		data, err := json.Marshal(file)
		if err == nil {
			_, err = store.Put(s.Context(), key, bytes.NewReader(data), providers.Condition{})
		}
		if err != nil {
			s.Fatal(err)
		}
	}
	record := func(n int) string { return fmt.Sprintf("%sreleases/%06d.json", prefix, n) }
	first := files[record(1)]
	for n := 1; n <= by; n++ {
		first["number"], first["source"] = n, n
		put(record(n), first)
	}
	for _, key := range keys {
		older(files[key], by)
		if n, err := strconv.Atoi(strings.TrimSuffix(path.Base(key), ".json")); err == nil {
			files[key]["number"], files[key]["source"] = n+by, n+by
			put(record(n+by), files[key])
			continue
		}
		put(key, files[key])
	}
}

// older adds to every number of a release in a file.
func older(file map[string]any, by int) {
	for name, v := range file {
		switch v := v.(type) {
		case float64:
			switch name {
			case "number", "source", "attempt", "previous":
				if v > 0 {
					file[name] = int(v) + by
				}
			}
		case []any:
			for i, one := range v {
				if n, ok := one.(float64); ok && name == "good" {
					v[i] = int(n) + by
				} else if inner, ok := one.(map[string]any); ok && name == "history" {
					older(inner, by)
				}
			}
		}
	}
}
