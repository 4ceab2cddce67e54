// Package fuzzing is what all fuzz targets begin with.
package fuzzing

import (
	"flag"
	"testing"
)

// minimizing is how many runs may go into making one interesting input smaller.
const minimizing = "100x"

// LimitMinimizing keeps a target moving. For every input that reaches new code Go tries to find a smaller one for up to
// a minute, in a number of runs that is quadratic in the input's length and counted nowhere: with inputs of a kilobyte
// a target finds next to nothing and seems to stand still. A -fuzzminimizetime on the command line wins.
func LimitMinimizing(f *testing.F) {
	f.Helper()
	const name = "test.fuzzminimizetime"
	given := false
	flag.Visit(func(one *flag.Flag) { given = given || one.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, minimizing); err != nil {
		f.Fatal(err)
	}
}
