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
		return errors.New("use a duration such as 90s or 10m")
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

// joinWait makes "--wait 5m" one argument: a flag whose value may be left out would leave the time to be the name of a
// function, which no time is.
func joinWait(args []string) []string {
	var joined []string
	for i, arg := range args {
		_, err := time.ParseDuration(arg)
		switch {
		case arg == "--":
			return append(joined, args[i:]...)
		case i > 0 && args[i-1] == "--"+waitFlag && err == nil:
			joined[len(joined)-1] += "=" + arg
		default:
			joined = append(joined, arg)
		}
	}
	return joined
}

// waits gives a command the flag --wait.
func (a *app) waits(c *cobra.Command) {
	c.Flags().Var(&a.wait, waitFlag, "wait for another deploy to finish instead of failing, for at most this `time`; 10m if none is given")
	c.Flags().Lookup(waitFlag).NoOptDefVal = "10m"
}
