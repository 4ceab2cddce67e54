package cmd

import (
	"context"
	"errors"

	"github.com/ferryfn/ferry/internal/masking"
	"github.com/ferryfn/ferry/providers"
)

// concealing is a tailer whose lines show none of the values that the records of a function mask.
type concealing struct {
	providers.LogTailer
	app     *app
	project *project
}

// Tail hides the values in every line.
func (c concealing) Tail(ctx context.Context, function string, o providers.TailOptions, emit func(providers.LogLine) error) error {
	hide, err := c.app.conceal(ctx, c.project, function)
	if err != nil {
		return err
	}
	return c.LogTailer.Tail(ctx, function, o, func(l providers.LogLine) error {
		l.Text = hide(l.Text)
		return emit(l)
	})
}

// conceal returns what hides the masked values of a function in a text.
func (a *app) conceal(ctx context.Context, p *project, function string) (func(string) string, error) {
	values, err := a.engine(p).Concealed(ctx, function)
	return masking.Of(values...).Hide, err
}

// concealed is a failure of a function without the values in its log.
func (a *app) concealed(ctx context.Context, p *project, function string, failure error) error {
	var e *providers.Error
	if !errors.As(failure, &e) || e.Log == "" {
		return failure
	}
	hide, err := a.conceal(ctx, p, function)
	if err != nil {
		e.Log = ""
		return errors.Join(failure, err)
	}
	e.Log, e.Err = hide(e.Log), errors.New(hide(e.Err.Error()))
	return failure
}
