package cmd

import (
	"fmt"
	"time"

	"github.com/ferryfn/ferry/internal/waits"
)

const (
	waitsAfter = 2 * time.Second        // a quicker answer is no wait
	waitsAgain = 10 * time.Second       // a sign of life
	waitsEvery = 250 * time.Millisecond // how often is looked
)

// waitEvent is one line of --progress=json.
type waitEvent struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"` // wait
	For     string    `json:"for"`
	Tries   int       `json:"tries,omitempty"`
	Error   string    `json:"error,omitempty"`
	Seconds float64   `json:"seconds"`
}

// showWaits says what the command waits for, until stop is closed.
func (a *app) showWaits(stop <-chan struct{}) {
	tick := time.NewTicker(waitsEvery)
	defer tick.Stop()
	said := map[string]time.Time{}
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		waits, lasting := a.board.Before(now.Add(-waitsAfter)), map[string]time.Time{}
		a.lasting.Store(&waits)
		for _, e := range waits {
			lasting[e.For] = said[e.For]
			if now.Sub(said[e.For]) >= waitsAgain {
				lasting[e.For] = now
				a.sayWait(e, now)
			}
		}
		said = lasting
	}
}

func (a *app) sayWait(e waits.Entry, now time.Time) {
	switch a.form() {
	case formQuiet:
	case formJSON:
		line := waitEvent{Time: now.UTC(), Event: "wait", For: e.For, Tries: e.Tries, Seconds: now.Sub(e.Since).Seconds()}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		_ = writeJSON(a.Streams.Err, line) // progress that cannot be shown stops nothing
	default:
		a.notice(waitLine(e, now))
	}
}

func waitLine(e waits.Entry, now time.Time) string {
	line := fmt.Sprintf("waiting for %s (%.0fs", e.For, now.Sub(e.Since).Seconds())
	switch {
	case e.Tries == 1:
		line += ", tried once"
	case e.Tries > 1:
		line += fmt.Sprintf(", tried %d times", e.Tries)
	}
	line += ")"
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	return line
}
