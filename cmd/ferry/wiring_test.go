//go:build unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ferryfn/ferry/cmd"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/all"
	"github.com/ferryfn/ferry/release/faults"
)

// What only the test binary reads: how long a lock lives, and which signal the process sends itself at which
// call to the provider or its store: "KILL 7", "KILL after switch", "STOP at probe". From "FULL 7" on, no file
// can be written further than its hundredth byte, and "FAIL after switch" refuses every switch but the first.
const (
	ttlVariable   = "FERRY_TEST_LOCK_TTL"
	faultVariable = "FERRY_TEST_FAULT"
)

// wiring is ferry's own, with the fault that the environment asks for.
func wiring() cmd.Invocation {
	inv := cmd.Invocation{Providers: all.Providers}
	if ttl := os.Getenv(ttlVariable); ttl != "" {
		inv.LockTTL, _ = time.ParseDuration(ttl)
	}
	if script := os.Getenv(faultVariable); script != "" {
		p := scripted(strings.Fields(script))
		inv.Providers = func() []providers.Provider {
			known := all.Providers()
			for i, one := range known {
				known[i].New = func(c providers.Config) (providers.Adapter, error) {
					a, err := one.New(c)
					if err != nil {
						return nil, err
					}
					return p.Wrap(a), nil
				}
			}
			return known
		}
	}
	return inv
}

func scripted(words []string) *faults.Process {
	p := &faults.Process{}
	var number int
	switch words[1] {
	case "after":
		p.At = faults.Next(faults.First(words[2]))
	case "at":
		p.At = faults.First(words[2])
	default:
		fmt.Sscan(words[1], &number)
		p.At = faults.Number(number)
	}
	switch words[0] {
	case "FAIL":
		refuse := faults.Fail(providers.Unavailable).Before
		p.Fault = faults.Fault{Lasting: true, Before: func(c faults.Call) error {
			if c.Op == words[2] {
				return refuse(c)
			}
			return nil
		}}
		return p
	case "FULL":
		p.Fault = faults.Fault{Lasting: true, Before: func(faults.Call) error {
			signal.Ignore(syscall.SIGXFSZ)
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100, Max: 100})
		}}
		return p
	}
	p.Fault = faults.Fault{Before: func(faults.Call) error {
		if words[0] == "KILL" {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		// On a busy machine other threads run on for a while before all are stopped: this call waits for what continues it.
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, syscall.SIGCONT)
		defer signal.Stop(continued)
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return err
		}
		<-continued
		return nil
	}}
	return p
}
