package cmd

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// waitFlag is the name of the flag, and of its twin in the environment.
const waitFlag = "wait"

// usualPatience is how long --wait without a time waits.
const usualPatience = 10 * time.Minute

// patience is how long a command waits for others that are at work. It is set by a time, by true or by false.
type patience time.Duration

// Set takes a time or a truth.
func (p *patience) Set(s string) error {
	if yes, err := strconv.ParseBool(s); err == nil {
		*p = 0
		if yes {
			*p = patience(usualPatience)
		}
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return errors.New("a time is written as in 90s or 10m")
	}
	*p = patience(d)
	return nil
}

func (p *patience) String() string {
	if *p == 0 {
		return ""
	}
	return time.Duration(*p).String()
}

// Type chooses the words for a value that cannot be.
func (p *patience) Type() string { return "duration" }

// waits gives a command the flag --wait.
func (a *app) waits(c *cobra.Command) {
	c.Flags().Var(&a.wait, waitFlag, "wait for another deploy to end instead of failing; without a `time` for 10 minutes, with one as in --wait=90s")
	c.Flags().Lookup(waitFlag).NoOptDefVal = "10m"
}
