package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// TailOptions choose log lines.
type TailOptions struct {
	Lines  int       // at most so many of the past; 0 is all
	Since  time.Time // no older ones
	Follow bool      // go on until the context ends
	Past   func()    // called once, when all of the past was handed on; nil is nobody
	Poll   time.Duration
}

// Tail hands a function's log lines to emit, oldest first. It needs no running platform. Following survives
// that a full log moves aside.
func (h Home) Tail(ctx context.Context, s Scope, function string, o TailOptions, emit func(Line) error) error {
	if err := s.check(function); err != nil {
		return err
	}
	path := h.functionLog(s, function)
	f, past, err := openLog(path)
	if err != nil {
		return err
	}
	past = slices.DeleteFunc(past, func(l Line) bool { return l.Time.Before(o.Since) })
	if o.Lines > 0 && len(past) > o.Lines {
		past = past[len(past)-o.Lines:]
	}
	for _, l := range past {
		if err := emit(l); err != nil {
			_ = f.Close()
			return err
		}
	}
	if o.Past != nil {
		o.Past()
	}
	if !o.Follow {
		return f.Close()
	}
	if o.Poll == 0 {
		o.Poll = 100 * time.Millisecond
	}
	return f.follow(ctx, o.Poll, emit)
}

// reader reads whole lines of a log that grows.
type reader struct {
	path string
	file *os.File // nil while there is no log
	rest []byte   // the beginning of a line whose end is not written yet
}

// openLog opens a function's log and reads what is there.
func openLog(path string) (*reader, []Line, error) {
	r := &reader{path: path}
	if err := r.open(); err != nil {
		return nil, nil, err
	}
	var lines []Line
	collect := func(l Line) error { lines = append(lines, l); return nil }
	err := r.readOlder(collect)
	if err == nil {
		err = r.read(collect)
	}
	if err != nil {
		_ = r.Close()
	}
	return r, lines, err
}

// readOlder reads the file that a full log was moved to, unless it is the one that is open: then it has
// moved just now.
func (r *reader) readOlder(emit func(Line) error) error {
	past := &reader{path: older(r.path)}
	if err := past.open(); err != nil || past.file == nil {
		return err
	}
	defer func() { _ = past.Close() }()
	if r.file != nil {
		a, errA := r.file.Stat()
		b, errB := past.file.Stat()
		if err := errors.Join(errA, errB); err != nil || os.SameFile(a, b) {
			return err
		}
	}
	return past.read(emit)
}

func (r *reader) open() error {
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		r.file = f
	}
	return err
}

// Close closes the log.
func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// read hands on the lines up to the end of what is written.
func (r *reader) read(emit func(Line) error) error {
	if r.file == nil {
		return nil
	}
	data, err := io.ReadAll(r.file)
	if err != nil {
		return err
	}
	data = append(r.rest, data...)
	for {
		line, after, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break
		}
		data = after
		var l Line
		if json.Unmarshal(line, &l) != nil {
			continue // a line that a kill cut
		}
		if err := emit(l); err != nil {
			return err
		}
	}
	r.rest = bytes.Clone(data)
	return nil
}

func (r *reader) follow(ctx context.Context, poll time.Duration, emit func(Line) error) error {
	defer func() { _ = r.Close() }()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		moved := r.moved() // before reading, so that the last lines of the old file are not missed
		if err := r.read(emit); err != nil {
			return err
		}
		if !moved {
			continue
		}
		_ = r.Close()
		r.file, r.rest = nil, nil
		if err := errors.Join(r.open(), r.read(emit)); err != nil {
			return err
		}
	}
}

// moved reports whether the log's name belongs to another file than the one that is open.
func (r *reader) moved() bool {
	now, err := os.Stat(r.path)
	if err != nil {
		return false // it moved aside and there is no new one yet
	}
	if r.file == nil {
		return true
	}
	open, err := r.file.Stat()
	return err == nil && !os.SameFile(now, open)
}
