// Package doctor looks at several things at a place at once, and makes findings of what they came to.
package doctor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// Look is one thing that is looked at.
type Look struct {
	Subject string
	// At says what is fine. Its error is the finding: a *Warning of what a deploy can do with, else of what failed.
	At func(ctx context.Context) (message string, err error)
}

// Warning is what a deploy can do with, but may surprise.
type Warning struct{ Message, Hint string }

func (w *Warning) Error() string { return w.Message }

// Doctor says how long one look may take, and of which kind a failure is.
type Doctor struct {
	Patience time.Duration
	Classify func(subject string, err error) *providers.Error
}

// All looks at everything at once; the findings are in the order of the looks.
func (d Doctor) All(ctx context.Context, looks ...Look) []providers.Finding {
	found := make([]providers.Finding, len(looks))
	var all sync.WaitGroup
	for i, l := range looks {
		all.Go(func() { found[i] = d.One(ctx, l) })
	}
	all.Wait()
	return found
}

// One looks at one thing.
func (d Doctor) One(ctx context.Context, l Look) providers.Finding {
	ctx, cancel := context.WithTimeout(ctx, d.Patience)
	defer cancel()
	message, err := l.At(ctx)
	var warning *Warning
	switch {
	case err == nil:
		return providers.Finding{Subject: l.Subject, Level: providers.LevelOK, Message: message}
	case errors.As(err, &warning):
		return providers.Finding{Subject: l.Subject, Level: providers.LevelWarning, Message: warning.Message, Hint: warning.Hint}
	}
	e := d.Classify(l.Subject, err)
	f := providers.Finding{Subject: l.Subject, Level: providers.LevelFailed, Hint: e.Hint, Kind: e.Kind, Message: string(e.Kind)}
	if e.Err != nil {
		f.Message = e.Err.Error()
	}
	return f
}
