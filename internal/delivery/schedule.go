package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/netresearch/go-cron"
)

// Schedule says when, by the clock on a wall of some place.
type Schedule struct {
	times cron.Schedule
	zone  *time.Location
}

// ParseSchedule reads the standard five fields of cron and an IANA time zone.
func ParseSchedule(expression, zone string) (Schedule, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("the time zone %s: %w", zone, err)
	}
	fields := cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom
	times, err := cron.MustNewParser(fields).Parse(expression)
	if err != nil {
		return Schedule{}, fmt.Errorf("the schedule %s: %w", expression, err)
	}
	return Schedule{times: times, zone: place}, nil
}

// Next is the first time after another one. Where clocks are put forward, a time that does not exist is left out; where
// they are put back, one that comes twice is the first of the two. The zero time is never.
func (s Schedule) Next(after time.Time) time.Time {
	for wall := onWall(after.In(s.zone)); ; {
		wall = s.times.Next(wall)
		if wall.IsZero() {
			return wall
		}
		if t, exists := s.at(wall); exists && t.After(after) {
			return t
		}
	}
}

// onWall is what a clock shows, as a time of UTC, where every time exists once.
func onWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// at is when the clock shows a time first.
func (s Schedule) at(wall time.Time) (t time.Time, exists bool) {
	t = time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
	const most = 3 * time.Hour // that clocks are put back by
	_, before := t.Add(-most).Zone()
	_, now := t.Zone()
	if earlier := t.Add(time.Duration(now-before) * time.Second); earlier.Before(t) && onWall(earlier).Equal(wall) {
		t = earlier
	}
	return t, onWall(t).Equal(wall)
}

// missed is how long after a time a schedule that could not fire then still does, once: time to start anew after a kill,
// and not so long that a night's work is done at noon.
const missed = 5 * time.Minute

// look is how often the clock on the wall is looked at: the one that waits may stand still while the machine sleeps.
const look = time.Minute

// Timer is a schedule at work.
type Timer struct {
	stop    context.CancelFunc
	working sync.WaitGroup
}

// Every puts a message whenever it is due, once for each time. What was put last is kept as the note.
func (e *Engine) Every(s Schedule, note string, message func(due time.Time) Envelope) (*Timer, error) {
	notes, err := e.Notes(note)
	if err != nil {
		return nil, err
	}
	last := time.Now()
	if at, err := time.Parse(time.RFC3339, string(notes[""])); err == nil {
		last = latest(at, last.Add(-missed))
	} else if err := e.Put(nil, map[string][]byte{note: moment(last)}); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Timer{stop: stop}
	t.working.Go(func() {
		for due := s.following(last); wait(ctx, due); due = s.following(due) {
			// What cannot be put, as on a full disk, is put when it can be.
			for e.Put([]Envelope{message(due)}, map[string][]byte{note: moment(due)}) != nil {
				if !wait(ctx, time.Now().Add(time.Second)) {
					return
				}
			}
		}
	})
	return t, nil
}

func moment(t time.Time) []byte { return []byte(t.UTC().Format(time.RFC3339)) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// following is the time to fire at after another one: of those that have passed the last, else the next.
func (s Schedule) following(after time.Time) time.Time {
	next := s.Next(after)
	for {
		further := s.Next(next)
		if next.IsZero() || further.IsZero() || further.After(time.Now()) {
			return next
		}
		next = further
	}
}

// wait waits until a time has come; it is false when that is never, or ctx ends.
func wait(ctx context.Context, due time.Time) bool {
	for !due.IsZero() {
		left := time.Until(due)
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-time.After(min(left, look)):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// Stop ends the schedule.
func (t *Timer) Stop() {
	t.stop()
	t.working.Wait()
}
