//go:build unix

package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/release"
)

func TestOfFourDeploysAtOnceEachIsDoneOrConflicts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.deploy("first")
	done, conflicts := 0, 0
	rounds := sample.Of(t, 8)
	for round := range 50 {
		if !rounds.Takes() {
			continue
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := []string{s.serving()}
		for i := range 4 {
			version := fmt.Sprintf("r%d-%d", round, i)
			s.write(version)
			wg.Go(func() {
				code, out := ran(s.command(version, nil, "deploy", "-m", version))
				mu.Lock()
				defer mu.Unlock()
				switch code {
				case 0:
					done++
					won = append(won, version)
				case 6:
					conflicts++
				default:
					t.Errorf("deploying %s exits %d: %s", version, code, out)
				}
			})
		}
		wg.Wait()
		s.serves(won[1:]...)
		l := s.ledger()
		if l.Message() != s.serving() || l.Lock.Holder != nil || l.Pending() != nil {
			t.Fatalf("the ledger says %q and %+v, %q serves", l.Message(), l.Lock, s.serving())
		}
		for _, version := range won[1:] {
			if !committed(l.Records, version) {
				t.Errorf("%s was done, and has no live record", version)
			}
		}
	}
	t.Logf("%d done, %d conflicts", done, conflicts)
}

// committed reports whether a release with that message went live, by its record.
func committed(records map[int]*release.Record, message string) bool {
	for _, r := range records {
		if r.Message == message {
			return r.State != release.StateFailed && r.State != release.StateRestored
		}
	}
	return false
}
