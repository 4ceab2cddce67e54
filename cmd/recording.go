package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/internal/masking"
	"github.com/ferryfn/ferry/migrate/compare"
	"github.com/ferryfn/ferry/providers"
)

// record writes what the functions are asked and answer into a file that `ferry compare` reads, until ctx ends. What it
// returns waits until the file is written.
func (d *dev) record(ctx context.Context, p *project) (file *os.File, wait func(), err error) {
	recorder, ok := providers.As[providers.Recorder](p.adapter)
	if !ok {
		return nil, nil, usagef("leave --record out", "the provider %s does not record", p.manifest.Target.Provider)
	}
	if file, err = d.openRecording(p); err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := recorder.Record(ctx, func(e providers.Exchange) error { return d.keep(ctx, p, file, e) })
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil && ctx.Err() == nil {
			d.fail(fmt.Errorf("recording into %s: %w", d.recording, err))
		}
	}()
	return file, func() { <-ended }, nil
}

// openRecording opens the file for adding to it, where it does not become part of a package.
func (d *dev) openRecording(p *project) (*os.File, error) {
	const beside = ".ferry"
	name := d.app.inDir(d.recording)
	for _, fn := range p.manifest.Functions {
		below, err := filepath.Rel(filepath.Join(p.manifest.Dir, filepath.FromSlash(fn.Source)), name)
		if err == nil && filepath.IsLocal(below) && !slices.Contains(strings.Split(filepath.ToSlash(below), "/"), beside) {
			return nil, usagef("record into "+beside+"/"+filepath.Base(name)+", which no package has", "the recording %s would lie among the sources of %s", d.recording, fn.Name)
		}
	}
	if filepath.Base(filepath.Dir(name)) == beside {
		_ = os.Mkdir(filepath.Dir(name), 0o755) // what keeps it from being made says opening the file, too
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // bodies are whatever people send
	if err != nil {
		return nil, usagef("check the name after --record", "opening the recording: %s", err)
	}
	return file, nil
}

// keep writes one exchange, without what the manifest masks.
func (d *dev) keep(ctx context.Context, p *project, file *os.File, e providers.Exchange) error {
	if e.Cut {
		d.say("not recorded, since a body is too long: " + e.Request.Method + " " + e.Request.Path)
		return nil
	}
	hide, err := d.app.conceal(context.WithoutCancel(ctx), p, e.Function)
	if err != nil {
		return err
	}
	line, err := compare.Record(
		compare.Request{Function: e.Function, Method: e.Request.Method, Path: hide(e.Request.Path), Header: masking.Headers(e.Request.Header, hide), Body: []byte(hide(string(e.Request.Body)))},
		compare.Answer{Status: e.Response.Status, Header: masking.Headers(e.Response.Header, hide), Body: []byte(hide(string(e.Response.Body))), Seconds: e.Response.Seconds},
		masking.Hidden,
	)
	if err == nil {
		_, err = file.Write(line)
	}
	return err
}
