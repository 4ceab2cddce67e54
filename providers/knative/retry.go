package knative

import (
	"errors"
	"net/http"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

// What Kubernetes refuses or has not done in passing. All rules are here, each with how long it is waited for.
const (
	busyTime   = 30 * time.Second // an answer that says to come again, and a server that does not answer any more
	raceTime   = 20 * time.Second // another write of the same object, also by a controller
	changeTime = 4 * time.Minute  // a revision, whose image is pulled, or a route
	answerTime = time.Minute      // the ingress, which learns of a route after it is ready
	sweepTime  = 10 * time.Second // what is taken away after an interruption
)

func busyRule() until.Rule {
	return until.Rule{For: "the API server to take the call", Within: busyTime, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: func(err error) bool {
		status := statusOf(err)
		return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	}}
}

func unreachedRule() until.Rule {
	return until.Rule{For: "an answer", Within: busyTime, First: 200 * time.Millisecond, Most: 5 * time.Second, Passing: func(err error) bool {
		var u *unreached
		return errors.As(err, &u)
	}}
}

// racing is for conditional writes that met another one: it is looked again, and what is there decides.
func racing() until.Rule {
	return until.Rule{For: "other changes of the object to end", Within: raceTime, First: 50 * time.Millisecond, Most: time.Second, Passing: isStale}
}

// working is for what controllers do.
func working(what string) until.Rule {
	return until.Rule{For: what, Within: changeTime, First: 100 * time.Millisecond, Most: time.Second}
}

// answering is for the address of a function.
func answering(what string) until.Rule {
	return until.Rule{For: what, Within: answerTime, First: 100 * time.Millisecond, Most: time.Second}
}
