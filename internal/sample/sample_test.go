package sample

import (
	"fmt"
	"slices"
	"testing"
)

// taken are the cases of an enumeration that a sample of this seed tries.
func taken(seed string, every, cases int) []int {
	s := choose("TestX", seed, every)
	var list []int
	for n := range cases {
		if s.Takes() {
			list = append(list, n)
		}
	}
	return list
}

func TestAsManyConsecutiveSeedsAsCasesShareABlockTryEachOfThemOnce(t *testing.T) {
	for _, every := range []uint64{1, 2, 5, 40} {
		for _, first := range []uint64{0, 7, 1 << 63} {
			s := choose("TestX", "", int(every))
			for block := range uint64(100) {
				times := make([]int, every)
				for seed := first; seed < first+every; seed++ {
					times[s.place(block, seed)]++
				}
				if slices.ContainsFunc(times, func(n int) bool { return n != 1 }) {
					t.Errorf("one in %d, block %d: the seeds from %d on try its cases %v times", every, block, first, times)
				}
			}
		}
	}
}

func TestOverManyCommitsEveryCaseIsTried(t *testing.T) {
	const every, cases, commits = 40, 1000, 600 // one is missed by all of them in four thousand such tests
	seen := map[int]bool{}
	for commit := range commits {
		for _, n := range taken(fmt.Sprintf("%040x", commit), every, cases) {
			seen[n] = true
		}
	}
	if len(seen) != cases {
		t.Errorf("%d commits try %d of %d cases", commits, len(seen), cases)
	}
}

func TestASampleIsOfAllKindsAndTheSameForTheSameSeed(t *testing.T) {
	a, b := taken("a", 8, 800), taken("a", 8, 800)
	if !slices.Equal(a, b) || len(a) != 100 {
		t.Errorf("of 800 cases these are tried: %v, then %v", a, b)
	}
	if other := taken("b", 8, 800); slices.Equal(a, other) {
		t.Errorf("another seed tries the same")
	}
	kinds := map[int]bool{} // there are eight kinds of cases for each call
	for _, n := range a {
		kinds[n%8] = true
	}
	if len(kinds) != 8 {
		t.Errorf("the kinds %v are tried only", kinds)
	}
}

func TestASampleSaysHowManyItTriedAndAllIsAll(t *testing.T) {
	for seed, want := range map[string]string{
		All:    "sample: 40 of 40 cases",
		"":     `sample: 10 of 40 cases (seed ""; all: go run ./.ci/full)`,
		"8a0f": `sample: 10 of 40 cases (seed "8a0f"; all: go run ./.ci/full)`,
	} {
		s := choose("TestX", seed, 4)
		for range 40 {
			s.Takes()
		}
		if got := s.String(); got != want {
			t.Errorf("seed %q: %s", seed, got)
		}
	}
}
