package gcp

import (
	"errors"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

// What Google refuses or has not done in passing. All rules are here, each with how long it is waited for; a new one is one
// more.
const (
	busyTime    = 30 * time.Second // an answer that says to come again, and a host that does not answer any more
	raceTime    = 20 * time.Second // another write of the same thing
	changeTime  = 4 * time.Minute  // a change of a service; that of a network takes the longest
	buildTime   = 20 * time.Minute // a build, which waits for its turn, and the revision after it
	spreadTime  = 2 * time.Minute  // rights that were just given, and hosts that learn one after the other
	accountTime = time.Minute      // an account that was just made
	logTime     = 5 * time.Second  // the log of a revision that does not start
)

// busyRule is for answers that say to come again.
func busyRule() until.Rule {
	return until.Rule{For: "Google to take the call", Within: busyTime, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: func(err error) bool {
		var b *busy
		return errors.As(err, &b)
	}}
}

// unreachedRule is for calls that got no answer.
func unreachedRule() until.Rule {
	return until.Rule{For: "an answer", Within: busyTime, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: func(err error) bool {
		var u unreached
		return errors.As(err, &u)
	}}
}

// working is for an operation that goes on at Google.
func working(what string) until.Rule {
	return until.Rule{For: what, Within: changeTime, First: 100 * time.Millisecond, Most: time.Second}
}

// building is for a build at Google, and the revision that follows.
func building() until.Rule {
	return until.Rule{For: "Google to build the function", Within: buildTime, First: 200 * time.Millisecond, Most: 3 * time.Second}
}

// racing is for conditional writes that met another one: it is looked again, and what is there decides.
func racing() until.Rule {
	return until.Rule{For: "other changes of the service to end", Within: raceTime, First: 100 * time.Millisecond, Most: time.Second, Passing: isStale}
}

// leaving is for a build that somebody left, which keeps its function from being deleted.
func leaving() until.Rule {
	return until.Rule{For: "a build of the function to end", Within: buildTime, First: 100 * time.Millisecond, Most: time.Second, Passing: isStale}
}

// answering is for the address of a function, which learns of a change after the service did.
func answering(what string) until.Rule {
	return until.Rule{For: what, Within: spreadTime, First: 100 * time.Millisecond, Most: 2 * time.Second}
}

// spreading is for a right that was just given: each look makes a revision.
func spreading() until.Rule {
	return until.Rule{For: "the right to read the secrets to spread", Within: spreadTime, First: 5 * time.Second, Most: 30 * time.Second, Passing: func(err error) bool {
		return errors.Is(err, errSpreading)
	}}
}

// newAccount is for a service account that was just made: it is not known everywhere at once.
func newAccount(passing func(error) bool) until.Rule {
	return until.Rule{For: "the service account to be known", Within: accountTime, First: 500 * time.Millisecond, Most: 5 * time.Second, Passing: passing}
}

// sendingRule is for an object whose bytes the connection cannot send again by itself.
func sendingRule() until.Rule {
	return until.Rule{For: "Cloud Storage to take an object", Within: busyTime, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: func(err error) bool {
		var u unreached
		return errors.As(err, &u) || passing("", statusOf(err))
	}}
}

// logged is for what a revision wrote before it ended, which arrives late.
func logged() until.Rule {
	return until.Rule{For: "the log to arrive", Within: logTime, First: 200 * time.Millisecond, Most: time.Second}
}
