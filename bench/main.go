// Command bench measures ferry against peers in one run and prints ratios, also where ferry loses.
//
//	go run ./bench              all cases
//	go run ./bench -run plan    the cases whose name contains "plan"
//	go run ./bench -calls       also how often each call of a cloud was made, to stderr
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// bench is a case: what ferry does beside what a peer does.
type bench struct {
	name string
	peer string // what the peer is
	runs int
	// setup prepares the work in an empty folder and returns both sides.
	setup func(w *workshop) (ours, theirs func() error, err error)
}

func main() {
	only := flag.String("run", "", "measure the cases whose name contains this")
	calls := flag.Bool("calls", false, "print how often each call of a cloud was made to stderr")
	reverse := flag.String("reverse", "", "measure nothing: be a reverse proxy to this address, which cases start")
	listen := flag.String("listen", "", "the port of the reverse proxy")
	flag.Parse()
	if *reverse != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveReverse(*reverse, *listen))
		os.Exit(1)
	}
	log := io.Discard
	if *calls {
		log = os.Stderr
	}
	if err := run(*only, log); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only string, log io.Writer) error {
	w, err := newWorkshop()
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Println("| case | ferry | peer | ratio | the peer is |")
	fmt.Println("|---|---|---|---|---|")
	for _, b := range cases() {
		if err := show(w, only, b.name, b.measure); err != nil {
			return err
		}
	}
	for _, s := range shims() {
		if err := show(w, only, s.name, s.measure); err != nil {
			return err
		}
	}
	for _, p := range append(places(), forwarders()...) {
		if err := show(w, only, p.name, p.measure); err != nil {
			return err
		}
	}
	for _, l := range lambdas(log) {
		if err := show(w, only, l.name, l.measure); err != nil {
			return err
		}
	}
	for _, s := range onClouds(log) {
		if err := show(w, only, s.name(), s.measure); err != nil {
			return err
		}
	}
	return nil
}

// show prints what a case measures, or that it cannot.
func show(w *workshop, only, name string, measure func(*workshop) (string, error)) error {
	if !strings.Contains(name, only) {
		return nil
	}
	lines, err := measure(w)
	var missing missingTool
	if errors.As(err, &missing) {
		lines, err = fmt.Sprintf("| %s | | | | skipped: %s |", name, missing), nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Println(lines)
	return nil
}

// measure runs both sides in turn, so that a machine whose speed drifts does not favour one.
func (b bench) measure(w *workshop) (string, error) {
	if err := w.fresh(); err != nil {
		return "", err
	}
	ours, theirs, err := b.setup(w)
	if err != nil {
		return "", err
	}
	_ = exec.Command("sync").Run() // the disk is done with what the setup wrote
	var mine, peer []time.Duration
	for range b.runs {
		for _, side := range []struct {
			work  func() error
			times *[]time.Duration
		}{{ours, &mine}, {theirs, &peer}} {
			began := time.Now()
			if err := side.work(); err != nil {
				return "", err
			}
			*side.times = append(*side.times, time.Since(began))
		}
	}
	a, z := median(mine), median(peer)
	return fmt.Sprintf("| %s | %s | %s | %.2f | %s |", b.name, short(a), short(z), float64(a)/float64(z), b.peer), nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}
