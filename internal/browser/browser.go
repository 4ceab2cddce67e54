// Package browser drives Chromium in tests, through the pipes that it has for that.
package browser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/child"
)

// Browser is a running one, with a profile of its own. Its pages share cookies.
type Browser struct {
	t    testing.TB
	to   io.Writer
	lost chan struct{} // closed when it is gone

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	errors  []string // that pages wrote to their console
}

type reply struct {
	ID     int             `json:"id"`
	Method string          `json:"method"` // of an event
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts Chromium, which ends with the test. Where there is none the test is skipped.
func Start(t testing.TB) *Browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed, so that no page is looked at in a real browser")
	}
	theirIn, to := pipe(t)
	from, theirOut := pipe(t)
	cmd := exec.Command(program, "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "--no-sandbox", "--disable-gpu",
		"--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update", "--disable-sync", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	process, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	b := &Browser{t: t, to: to, lost: make(chan struct{}), waiting: map[int]chan reply{}}
	t.Cleanup(func() {
		process.Kill()
		<-process.Done()
		<-b.lost
	})
	go b.read(from)
	return b
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// read hands each message to who waits for it.
func (b *Browser) read(from io.Reader) {
	defer close(b.lost)
	for messages := bufio.NewReader(from); ; {
		text, err := messages.ReadBytes(0)
		if err != nil {
			return
		}
		var m reply
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		if to := b.waiting[m.ID]; m.ID > 0 && to != nil {
			to <- m
			delete(b.waiting, m.ID)
		}
		if m.Method == "Log.entryAdded" {
			b.errors = append(b.errors, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// Errors are what pages wrote to their console, and what they were refused.
func (b *Browser) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.errors...)
}

// patience is how long a browser may take for one thing.
const patience = 30 * time.Second

// call calls a method of the DevTools protocol, of the browser or of one page.
func (b *Browser) call(session, method string, params, result any) error {
	b.mu.Lock()
	b.last++
	id, answered := b.last, make(chan reply, 1)
	b.waiting[id] = answered
	message, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{id, session, method, params})
	if err == nil {
		_, err = b.to.Write(append(message, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case m := <-answered:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-b.lost:
		return errors.New(method + ": the browser is gone")
	case <-time.After(patience):
		return fmt.Errorf("%s: the browser does not answer within %s", method, patience)
	}
}

// Page is a tab.
type Page struct {
	*Browser
	session string
}

// Page opens a tab.
func (b *Browser) Page() *Page {
	b.t.Helper()
	var target struct{ TargetID string }
	var attached struct{ SessionID string }
	err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	if err == nil {
		err = b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	}
	p := &Page{b, attached.SessionID}
	for _, domain := range []string{"Page.enable", "Log.enable"} {
		if err == nil {
			err = p.call(p.session, domain, struct{}{}, nil)
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// Open opens an address and waits until the page is there.
func (p *Page) Open(url string) {
	p.t.Helper()
	var to struct{ ErrorText string }
	if err := p.call(p.session, "Page.navigate", map[string]any{"url": url}, &to); err != nil || to.ErrorText != "" {
		p.t.Fatal(url, err, to.ErrorText)
	}
	p.Wait(`document.readyState == "complete"`)
}

// Text is the value of an expression at the page, as text.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	text, err := p.eval(expression)
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

func (p *Page) eval(expression string) (string, error) {
	var got struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		ExceptionDetails json.RawMessage `json:"exceptionDetails"`
	}
	err := p.call(p.session, "Runtime.evaluate", map[string]any{"expression": "String(" + expression + ")", "returnByValue": true}, &got)
	if err == nil && got.ExceptionDetails != nil {
		err = fmt.Errorf("%s: %s", expression, got.ExceptionDetails)
	}
	return got.Result.Value, err
}

// Wait waits until an expression holds at the page, or at the one that it leads to.
func (p *Page) Wait(condition string) {
	p.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		got, err := p.eval(condition) // fails while a page takes the place of another one
		if got == "true" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			at, _ := p.eval("location.href + '\\n' + document.documentElement.outerHTML.slice(0, 2000)")
			p.t.Fatalf("%s does not come to hold: %q, %v, at %s", condition, got, err, at)
		}
	}
}

// Fill types into a field.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	p.Text(fmt.Sprintf("document.querySelector(%q).value = %q", selector, text))
}

// Click clicks at an element.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Text(fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// Look has the page seen in a window of that width, in the light or dark colours ("light", "dark").
func (p *Page) Look(width int, colours string) {
	p.t.Helper()
	err := p.call(p.session, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	if err == nil {
		features := []map[string]string{{"name": "prefers-color-scheme", "value": colours}}
		err = p.call(p.session, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// Screenshot is the whole page, as PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	// A tab behind another one is not painted, so that its picture may never come.
	err := p.call(p.session, "Page.bringToFront", map[string]any{}, nil)
	var shot struct{ Data string }
	if err == nil {
		err = p.call(p.session, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}
