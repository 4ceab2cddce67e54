package cmd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers"
)

func TestSinceIsATimeOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"90s": "2026-11-28T11:58:30+01:00", "10m": "2026-11-28T11:50:00+01:00", "3d": "2026-11-25T12:00:00+01:00",
		"2026-11-27": "2026-11-27T00:00:00+01:00", "2026-11-27T08:30": "2026-11-27T08:30:00+01:00",
		"2026-11-27 08:30:15": "2026-11-27T08:30:15+01:00", "2026-11-27T08:30:15Z": "2026-11-27T08:30:15Z",
	} {
		if got, ok := moment(text, now); !ok || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v; want %s", text, got.Format(time.RFC3339), ok, want)
		}
	}
	for _, text := range []string{"yesterday", "-10m", "3x", "2026-13-01"} {
		if got, ok := moment(text, now); ok {
			t.Errorf("%s is taken for %s", text, got)
		}
	}
}

func TestTheFlagsOfLogsSayWhatIsAskedFor(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		flags logsOptions
		want  providers.TailOptions
	}{
		"nothing":          {logsOptions{lines: 100}, providers.TailOptions{Lines: 100}},
		"-n 0":             {logsOptions{counted: true}, providers.TailOptions{}},
		"-n 0 -f":          {logsOptions{counted: true, follow: true}, providers.TailOptions{Since: now, Follow: true}},
		"--since 1h":       {logsOptions{lines: 100, since: "1h"}, providers.TailOptions{Since: now.Add(-time.Hour)}},
		"--since 1h -n 5":  {logsOptions{lines: 5, counted: true, since: "1h"}, providers.TailOptions{Since: now.Add(-time.Hour), Lines: 5}},
		"--since 1h -f":    {logsOptions{lines: 100, since: "1h", follow: true}, providers.TailOptions{Since: now.Add(-time.Hour), Follow: true}},
		"-f, nothing else": {logsOptions{lines: 100, follow: true}, providers.TailOptions{Lines: 100, Follow: true}},
	} {
		if err := c.flags.choose(now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, c.flags.tail); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLogsOfSeveralFunctionsAreInTheOrderOfTheirTimes(t *testing.T) {
	at := func(fn string, seconds int, text string) providers.LogLine {
		return providers.LogLine{Function: fn, Time: time.Unix(int64(seconds), 0), Text: text}
	}
	for most, want := range map[int]string{0: "abcde", 3: "cde", 9: "abcde"} {
		got := ""
		m := &merger{most: most, past: 3, emit: func(l providers.LogLine) error {
			got += l.Text
			return nil
		}}
		write := func(lines ...providers.LogLine) {
			for _, l := range lines {
				if err := m.take(l); err != nil {
					t.Fatal(err)
				}
			}
			m.reached()
			if err := m.flush(); err != nil {
				t.Fatal(err)
			}
		}
		write(at("web", 2, "b"), at("web", 4, "d"))
		write()
		if got != "" {
			t.Errorf("%q is printed before the past of all is there", got)
		}
		write(at("api", 1, "a"), at("api", 3, "c"), at("api", 5, "e"))
		if got != want {
			t.Errorf("the last %d lines are %q, want %q", most, got, want)
		}
	}
}
