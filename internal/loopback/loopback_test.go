package loopback_test

import (
	"testing"

	"github.com/ferryfn/ferry/internal/loopback"
)

// Two runs of one test binary count alike.
func TestTwoWhoCountAlikeGetDifferentPorts(t *testing.T) {
	one, other := loopback.Range{First: 4900, Count: 40}, loopback.Range{First: 4900, Count: 40}
	seen := map[string]bool{}
	for range 10 {
		for _, r := range []*loopback.Range{&one, &other} {
			address := r.Free(t)
			if seen[address] {
				t.Errorf("%s was given out twice", address)
			}
			seen[address] = true
		}
	}
}

func TestAPortIsFreeAgainWhenItsTestEnds(t *testing.T) {
	r := loopback.Range{First: 4940, Count: 1}
	for range 2 {
		t.Run("", func(t *testing.T) { r.Free(t) })
	}
}
