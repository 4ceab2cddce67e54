package cmd

import (
	"strings"
	"testing"
	"time"
)

func TestPatienceIsATimeOrATruth(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10m": 10 * time.Minute, "90s": 90 * time.Second, "true": usualPatience, "1": usualPatience, "false": 0, "0": 0, "0s": 0,
	} {
		p := patience(time.Hour)
		if err := p.Set(text); err != nil || time.Duration(p) != want {
			t.Errorf("%q is %s, %v, not %s", text, time.Duration(p), err, want)
		}
	}
	for _, text := range []string{"soon", "10", "-1m"} {
		if err := new(patience).Set(text); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
}

func TestATimeToWaitMayStandApart(t *testing.T) {
	for typed, want := range map[string]string{
		"deploy --wait 5m":         "deploy --wait=5m",
		"deploy --wait 90s api":    "deploy --wait=90s api",
		"deploy --wait api":        "deploy --wait api",
		"deploy --wait":            "deploy --wait",
		"deploy --wait=5m api":     "deploy --wait=5m api",
		"deploy api --wait 5m 10m": "deploy api --wait=5m 10m",
		"deploy -- --wait 5m":      "deploy -- --wait 5m",
	} {
		if got := strings.Join(joinWait(strings.Fields(typed)), " "); got != want {
			t.Errorf("%q is taken as %q", typed, got)
		}
	}
	s := newService(t)
	s.must(t, exitDone, "deploy", "--wait", "5m")
}

func TestEveryCommandThatTakesTheLockCanWait(t *testing.T) {
	s := newService(t)
	s.must(t, exitDone, "deploy", "--wait")
	for _, command := range []string{"deploy", "rollback", "promote", "resume", "remove --yes"} {
		args := strings.Fields(command)
		got := s.must(t, exitUsage, append(args, "--wait=soon")...)
		if !strings.Contains(got.err, `invalid argument "soon" for --wait`) {
			t.Errorf("%s: %s", command, got.err)
		}
		s.environ = []string{"FERRY_WAIT=soon"}
		if got := s.must(t, exitUsage, args...); !strings.Contains(got.err, `FERRY_WAIT is "soon", which is not valid for --wait`) {
			t.Errorf("%s: %s", command, got.err)
		}
		s.environ = nil
	}
	s.environ = []string{"FERRY_WAIT=1"}
	s.must(t, exitDone, "deploy")
	s.must(t, exitDone, "status") // which waits for nobody
}
