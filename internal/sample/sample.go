// Package sample lets a test try a few cases of a long enumeration, others with each commit, so that over time all are
// tried while each run is short.
package sample

import (
	"fmt"
	"hash/fnv"
	"os"
	"testing"
)

// Variable is the environment variable that says what is tried: All tries every case. Any other text chooses the sample, as
// the commit does in CI; without one it is the same each time.
const (
	Variable = "FERRY_SAMPLE"
	All      = "all"
)

// shorter is how many times fewer cases are tried with -short.
const shorter = 5

// Sample chooses cases of one enumeration. It is not for several goroutines.
type Sample struct {
	name, seed string
	every      uint64
	met, tried uint64
}

// Of is the sample that a test tries: one case in each run of every consecutive ones. When the test ends, it logs how
// many there were.
func Of(t testing.TB, every int) *Sample {
	t.Helper()
	if testing.Short() {
		every *= shorter
	}
	s := choose(t.Name(), os.Getenv(Variable), every)
	t.Cleanup(func() { t.Log(s) })
	return s
}

func choose(name, seed string, every int) *Sample {
	if seed == All {
		every = 1
	}
	return &Sample{name: name, seed: seed, every: uint64(max(every, 1))}
}

// Takes reports whether the next case is tried.
func (s *Sample) Takes() bool {
	takes := s.met%s.every == s.place(s.met/s.every, hash(s.seed))
	s.met++
	if takes {
		s.tried++
	}
	return takes
}

// place is where in a block the case that is tried lies. It is another one for each of every consecutive seeds.
func (s *Sample) place(block, seed uint64) uint64 {
	return (seed%s.every + hash(fmt.Sprint(s.name, block))%s.every) % s.every
}

// String says how many cases were tried.
func (s *Sample) String() string {
	if s.every == 1 {
		return fmt.Sprintf("sample: %d of %d cases", s.tried, s.met)
	}
	return fmt.Sprintf("sample: %d of %d cases (seed %q; all: go run ./.ci/full)", s.tried, s.met, s.seed)
}

// hash spreads text over all numbers, so that neither the cases of a block nor those of two tests go in step.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it never fails
	return h.Sum64()
}
