package delivery

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"
)

func schedule(t *testing.T, expression, zone string) Schedule {
	t.Helper()
	s, err := ParseSchedule(expression, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATimeThatDoesNotExistIsSkippedAndOneThatComesTwiceFiresOnce(t *testing.T) {
	for _, c := range []struct {
		expression, zone, after string
		want                    []string
	}{
		// Clocks are put forward at 01:00 UTC on the last Sunday of March: 02:30 does not exist.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", []string{"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"0 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-30T00:00:00Z"}},
		{"0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z"}},
		{"0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", []string{"2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"}},
		// They are put back at 01:00 UTC on the last Sunday of October: 02:30 comes at 00:30 and at 01:30.
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"0 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"}},
		{"0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:00:00Z"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}}, // within the second hour
		// Half an hour, and the other half of the world.
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", []string{"2026-03-09T06:30:00Z"}},
		{"0 3 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T03:00:00Z"}},
	} {
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		s := schedule(t, c.expression, c.zone)
		var got []string
		for range c.want {
			at = s.Next(at)
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s in %s after %s: got %v, want %v", c.expression, c.zone, c.after, got, c.want)
		}
	}
}

func TestAScheduleFiresOnceForEachTimeOverTheChangesOfTheClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC, 2000-01-01
		e := opened(t, filepath.Join(t.TempDir(), "events.db"))
		var fired []string
		for _, day := range []time.Time{time.Date(2000, 3, 25, 0, 0, 0, 0, time.UTC), time.Date(2000, 10, 28, 0, 0, 0, 0, time.UTC)} {
			pass(time.Until(day))
			timer, err := e.Every(schedule(t, "30 2 * * *", "Europe/Berlin"), "nightly", func(due time.Time) Envelope {
				return Envelope{Queue: "nightly", Message: Message{ID: due.Format(time.RFC3339), Sent: due}}
			})
			if err != nil {
				t.Fatal(err)
			}
			pass(3 * 24 * time.Hour)
			timer.Stop()
		}
		w := e.Consume(Consumer{Queue: "nightly", Batch: 1, Limit: 1, Deliver: func(_ context.Context, batch []Delivery) []error {
			fired = append(fired, batch[0].Sent.UTC().Format("01-02 15:04"))
			return make([]error, 1)
		}})
		pass(time.Second)
		w.Stop(t.Context())
		equal(t, fired, "03-25 01:30", "03-27 00:30", "10-28 00:30", "10-29 00:30", "10-30 01:30")
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestATimeThatPassedWhileNothingRanIsMadeUpForOnlySoonAfter(t *testing.T) {
	for away, want := range map[time.Duration]int{2 * time.Minute: 2, time.Hour: 1} {
		synctest.Test(t, func(t *testing.T) {
			e := opened(t, filepath.Join(t.TempDir(), "events.db"))
			n := 0
			begin := func() *Timer {
				timer, err := e.Every(schedule(t, "0 12,14 * * *", "UTC"), "noon", func(time.Time) Envelope {
					n++
					return Envelope{Queue: "noon"}
				})
				if err != nil {
					t.Fatal(err)
				}
				return timer
			}
			timer := begin()
			pass(13 * time.Hour)
			timer.Stop()
			pass(time.Hour + away)
			timer = begin()
			pass(time.Minute)
			timer.Stop()
			if n != want {
				t.Errorf("after %s away it had fired %d times, want %d", away, n, want)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
