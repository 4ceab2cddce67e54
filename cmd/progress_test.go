package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferryfn/ferry/release"
)

// showing runs work with the progress of an app and returns what was printed.
func showing(t *testing.T, a *app, work func(p *progress)) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		a.Streams.Err.Writer = &out
		p := a.startProgress()
		work(p)
		p.close()
	})
	return out.String()
}

// building is work on one step that takes so long.
func building(d time.Duration) func(p *progress) {
	return func(p *progress) {
		p.event(release.Event{Step: release.StepBuild, Function: "api", Total: 2})
		p.event(release.Event{Step: release.StepBuild, Function: "web", Total: 2})
		p.event(release.Event{Step: release.StepBuild, Function: "api", Total: 2, Done: true})
		<-time.After(d)
		p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 1})
	}
}

func automatic(terminal bool, env map[string]string) *app {
	return &app{
		global: globals{progress: progressAuto}, env: env,
		Invocation: Invocation{Environ: []string{"TERM=xterm"}, Streams: Streams{Err: Output{Terminal: terminal}, Width: 60}},
	}
}

func TestQuickWorkShowsNoProgress(t *testing.T) {
	for name, a := range map[string]*app{"terminal": automatic(true, nil), "no terminal": automatic(false, nil)} {
		if got := showing(t, a, building(900*time.Millisecond)); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestATerminalShowsALiveLineAndClearsIt(t *testing.T) {
	got := showing(t, automatic(true, nil), building(1500*time.Millisecond))
	if !strings.Contains(got, "building 1/2  web") {
		t.Errorf("no live line in %q", got)
	}
	if !strings.HasSuffix(got, "\r\x1b[2K") || strings.Contains(got, "\n") {
		t.Errorf("the line stays: %q", got)
	}
}

func TestLongWorkPrintsOneLineAStepWithoutATerminal(t *testing.T) {
	want := "building 1/2  web\nstill building 1/2  web (32s)\n"
	for name, a := range map[string]*app{
		"no terminal": automatic(false, nil), "CI": automatic(true, map[string]string{"CI": "true"}),
		"dumb": automatic(true, map[string]string{"TERM": "dumb"}),
	} {
		if got := showing(t, a, building(35*time.Second+50*time.Millisecond)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestQuietShowsNoProgress(t *testing.T) {
	a := automatic(true, nil)
	a.global.quiet = true
	if got := showing(t, a, building(time.Minute)); got != "" {
		t.Errorf("%q", got)
	}
}

func TestVerbosePrintsEveryStep(t *testing.T) {
	a := automatic(false, nil)
	a.global.verbose = true
	got := showing(t, a, func(p *progress) {
		p.event(release.Event{Step: release.StepBuild, Function: "api"})
		p.event(release.Event{Step: release.StepBuild, Function: "api", Done: true, Cached: true})
		p.event(release.Event{Step: release.StepCommit, Done: true, Err: errors.New("no space")})
	})
	want := "  0.00s  building api\n  0.00s  building api: unchanged\n  0.00s  committing: no space\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestProgressAsJSONIsOneDocumentALine(t *testing.T) {
	a := automatic(true, nil)
	a.global.progress = progressJSON
	got := showing(t, a, building(0))
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), got)
	}
	var e stepEvent
	if err := json.Unmarshal([]byte(lines[2]), &e); err != nil {
		t.Fatal(err)
	}
	if e.Event != "end" || e.Step != release.StepBuild || e.Function != "api" || e.Total != 2 {
		t.Errorf("%+v", e)
	}
}

// inStages is work whose provider says what it is at.
func inStages(p *progress) {
	p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 2})
	p.event(release.Event{Step: release.StepPublish, Function: "web", Total: 2})
	p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 2, Stage: "building the image"})
	<-time.After(20 * time.Second)
	p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 2, Stage: "building the image"})
	<-time.After(20*time.Second + 50*time.Millisecond)
	p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 2, Stage: "waiting for the host"})
	<-time.After(2 * time.Second)
	p.event(release.Event{Step: release.StepPublish, Function: "api", Total: 2, Done: true})
}

func TestProgressShowsTheStageOfLongWorkAndHowLongItTakes(t *testing.T) {
	got := showing(t, automatic(true, nil), inStages)
	for _, want := range []string{"publishing 0/2  api (building the image, 40s), web", "publishing 0/2  api (waiting for the host, 1s), web"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	want := "publishing 0/2  api (building the image, 2s), web\nstill publishing 0/2  api (building the image, 32s), web (32s)\n"
	if got := showing(t, automatic(false, nil), inStages); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEveryFormOfProgressTellsAStage(t *testing.T) {
	verbose, document := automatic(false, nil), automatic(false, nil)
	verbose.global.verbose, document.global.progress = true, progressJSON
	for want, a := range map[string]*app{
		" 40.05s  publishing api: waiting for the host\n":                                            verbose,
		`"event":"stage","step":"publish","function":"api","stage":"waiting for the host","total":2`: document,
	} {
		if got := showing(t, a, inStages); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}
