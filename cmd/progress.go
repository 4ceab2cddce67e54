package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/ferryfn/ferry/release"
)

// The forms of progress.
const (
	progressAuto  = "auto"
	progressPlain = "plain"
	progressJSON  = "json"
)

// form is how progress is really shown.
type form int

// The forms.
const (
	formQuiet form = iota
	formPlain
	formLive // a line that moves
	formVerbose
	formJSON
)

// form chooses how progress is shown here.
func (a *app) form() form {
	live := a.Streams.Err.Terminal && a.escapes() && !a.dumb() && a.env["CI"] == ""
	switch {
	case a.global.progress == progressJSON:
		return formJSON
	case a.global.quiet:
		return formQuiet
	case a.global.verbose:
		return formVerbose
	case a.global.progress == progressAuto && live:
		return formLive
	}
	return formPlain
}

const (
	liveAfter  = time.Second            // a live line for quicker work would only flicker
	liveEvery  = 100 * time.Millisecond // how often the line moves
	plainAfter = 2 * time.Second        // plain lines for quicker work say nothing
	plainEvery = 30 * time.Second       // a sign of life in a CI log
)

// progress shows how work goes on. Its methods may be called from several goroutines.
type progress struct {
	noted func(e release.Event)            // what the whole command must know
	draw  func(p *progress, now time.Time) // called every tick, locked
	each  func(p *progress, e release.Event)
	w     io.Writer
	style styles
	width int
	now   func() time.Time

	mu     sync.Mutex
	began  time.Time
	step   release.Step
	total  int
	done   int
	active []task          // what is at work, in the order it began
	holder *release.Holder // who is waited for
	drawn  string          // what the plain or live form last showed
	shown  time.Time
	frame  int

	stop    chan struct{}
	stopped sync.WaitGroup
}

// task is one function's part of a step, or the release's when function is "".
type task struct {
	function string
	stage    string // what the provider is at; "" is not known
	since    time.Time
}

func (t task) line(now time.Time) string {
	if t.stage == "" {
		return t.function
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s, %.0fs)", t.function, t.stage, now.Sub(t.since).Seconds()))
}

// startProgress begins to show progress in the chosen form. The caller ends it with close.
func (a *app) startProgress() *progress {
	p := &progress{
		noted: a.work.event, w: a.colored(a.Streams.Err), style: newStyles(), width: a.Streams.Width,
		now: time.Now, began: time.Now(), stop: make(chan struct{}),
	}
	switch a.form() {
	case formJSON:
		p.each = eachJSON
	case formVerbose:
		p.each = eachLine
	case formLive:
		p.draw = drawLive
	case formPlain:
		p.draw = drawPlain
	}
	if p.draw != nil {
		p.stopped.Go(p.tick)
	}
	return p
}

func (p *progress) tick() {
	ticker := time.NewTicker(liveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			p.draw(p, p.now())
			p.mu.Unlock()
		}
	}
}

// close stops the showing and clears the live line.
func (p *progress) close() {
	close(p.stop)
	p.stopped.Wait()
	if p.frame > 0 {
		fmt.Fprint(p.w, "\r"+ansi.EraseEntireLine)
	}
}

// event takes in that a step began or ended.
func (p *progress) event(e release.Event) {
	p.noted(e)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Holder != nil {
		p.holder = e.Holder
		p.announce()
	}
	if e.Step != p.step && !e.Done && e.Stage == "" {
		p.step, p.done, p.active = e.Step, 0, nil
	}
	if e.Step == p.step {
		p.total = e.Total
		p.follow(e)
	}
	if p.each != nil {
		p.each(p, e)
	}
}

func (p *progress) follow(e release.Event) {
	at := slices.IndexFunc(p.active, func(t task) bool { return t.function == e.Function })
	switch {
	case e.Done:
		if e.Function != "" {
			p.done++
		}
		if at >= 0 {
			p.active = slices.Delete(p.active, at, at+1)
		}
	case at < 0:
		p.active = append(p.active, task{e.Function, e.Stage, p.now()})
	case p.active[at].stage != e.Stage:
		p.active[at] = task{e.Function, e.Stage, p.now()}
	}
}

// announce says at once who is waited for: that takes as long as others need.
func (p *progress) announce() {
	if p.draw == nil {
		return // every event has a line of its own, or nothing is shown
	}
	if p.frame > 0 {
		fmt.Fprint(p.w, "\r"+ansi.EraseEntireLine)
	}
	fmt.Fprintln(p.w, waitingFor(p.holder))
	p.drawn, p.shown = doing(release.StepWait), p.now()
}

func waitingFor(h *release.Holder) string {
	return fmt.Sprintf("waiting for %s, working on release %d since %s", h.Actor, h.Attempt, h.Since.Local().Format("2006-01-02 15:04:05"))
}

// doing says a step in words.
func doing(s release.Step) string {
	words := map[release.Step]string{
		release.StepWait:  "waiting for others",
		release.StepBuild: "building", release.StepPublish: "publishing", release.StepProbe: "probing",
		release.StepActivate: "activating", release.StepVerify: "reading back", release.StepHealth: "checking health",
		release.StepCommit: "committing", release.StepClean: "cleaning up", release.StepRestore: "restoring",
		release.StepRemove: "removing",
	}
	if w := words[s]; w != "" {
		return w
	}
	return string(s)
}

func (p *progress) line(now time.Time) string {
	if p.step == release.StepWait {
		return waitingFor(p.holder)
	}
	s := doing(p.step)
	if p.total > 1 {
		s += fmt.Sprintf(" %d/%d", p.done, p.total)
	}
	var at []string
	for _, w := range p.active {
		if line := w.line(now); line != "" {
			at = append(at, line)
		}
	}
	if len(at) > 0 {
		s += "  " + strings.Join(at, ", ")
	}
	return s
}

func drawLive(p *progress, now time.Time) {
	if p.step == "" || now.Sub(p.began) < liveAfter {
		return
	}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	spinner := p.style.link.Render(string(frames[p.frame%len(frames)]))
	elapsed := p.style.dim.Render(fmt.Sprintf("%.0fs", now.Sub(p.began).Seconds()))
	line := spinner + " " + p.line(now) + "  " + elapsed
	if p.width > 0 {
		line = ansi.Truncate(line, p.width-1, "…")
	}
	p.frame++
	fmt.Fprint(p.w, "\r"+ansi.EraseEntireLine+line)
}

func drawPlain(p *progress, now time.Time) {
	if p.step == "" || now.Sub(p.began) < plainAfter {
		return
	}
	switch step := doing(p.step); {
	case step != p.drawn:
		p.drawn = step
		fmt.Fprintln(p.w, p.line(now))
	case now.Sub(p.shown) >= plainEvery:
		fmt.Fprintf(p.w, "still %s (%.0fs)\n", p.line(now), now.Sub(p.began).Seconds())
	default:
		return
	}
	p.shown = now
}

// eachLine prints every event as it comes.
func eachLine(p *progress, e release.Event) {
	subject := doing(e.Step)
	if e.Holder != nil {
		subject = waitingFor(e.Holder)
	}
	if e.Function != "" {
		subject += " " + e.Function
	}
	switch elapsed := p.now().Sub(p.began).Seconds(); {
	case e.Err != nil:
		fmt.Fprintf(p.w, "%6.2fs  %s: %s\n", elapsed, subject, plainly(e.Err.Error()))
	case e.Cached:
		fmt.Fprintf(p.w, "%6.2fs  %s: unchanged\n", elapsed, subject)
	case e.Done:
		fmt.Fprintf(p.w, "%6.2fs  %s: done\n", elapsed, subject)
	case e.Stage != "":
		fmt.Fprintf(p.w, "%6.2fs  %s: %s\n", elapsed, subject, e.Stage)
	default:
		fmt.Fprintf(p.w, "%6.2fs  %s\n", elapsed, subject)
	}
}

// stepEvent is one line of --progress=json.
type stepEvent struct {
	Time     time.Time       `json:"time"`
	Event    string          `json:"event"` // begin, stage, end
	Step     release.Step    `json:"step"`
	Function string          `json:"function,omitempty"`
	Stage    string          `json:"stage,omitempty"` // what the provider is at
	Total    int             `json:"total,omitempty"`
	Cached   bool            `json:"cached,omitempty"`
	Error    string          `json:"error,omitempty"`
	Holder   *release.Holder `json:"holder,omitempty"` // of the lock that is waited for
}

func eachJSON(p *progress, e release.Event) {
	line := stepEvent{
		Time: p.now().UTC(), Event: "begin", Step: e.Step, Function: e.Function, Total: e.Total, Cached: e.Cached, Holder: e.Holder,
	}
	switch {
	case e.Done:
		line.Event = "end"
	case e.Stage != "":
		line.Event, line.Stage = "stage", e.Stage
	}
	if e.Err != nil {
		line.Error = plainly(e.Err.Error())
	}
	_ = writeJSON(p.w, line) // progress that cannot be shown stops nothing
}
