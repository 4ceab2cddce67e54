// Command session records the loop of ferry dev as a picture of a terminal, from what ferry really prints: a service is made,
// served, edited, broken, mended, and left. Nothing of it is written by hand.
//
//	go run ./.ci/session > docs/dev.svg
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
		os.Exit(1)
	}
}

// session is a terminal and what happened at it.
type session struct {
	dir    string
	ferry  string
	person *os.File // where keys go in, and what is shown comes out
	tty    *os.File

	mu    sync.Mutex
	shown bytes.Buffer
}

func run() error {
	dir, err := os.MkdirTemp("", "session-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s := &session{dir: dir, ferry: filepath.Join(dir, "bin", "ferry")}
	if out, err := exec.Command("go", "build", "-o", s.ferry, "./cmd/ferry").CombinedOutput(); err != nil {
		return fmt.Errorf("building ferry: %w\n%s", err, out)
	}
	if err := s.open(); err != nil {
		return err
	}
	defer func() { _, _ = s.person.Close(), s.tty.Close() }()
	if err := s.play(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.text())
	}
	_, err = os.Stdout.WriteString(picture("ferry dev", s.text()))
	return err
}

// play is what the person does.
func (s *session) play() error {
	if err := s.command(s.dir, "init", "shop", "--template", "node-http").Run(); err != nil {
		return err
	}
	if err := s.waits("ferry deploy\x1b[m\n"); err != nil { // its last words, which the terminal shows a little later
		return err
	}
	s.prompt("cd shop")
	dev := s.command(filepath.Join(s.dir, "shop"), "dev")
	if err := dev.Start(); err != nil {
		return err
	}
	defer func() { _ = dev.Process.Kill() }()
	if err := s.waits("q quits"); err != nil {
		return err
	}
	const line = "const url = new URL(request.url);"
	steps := []struct{ note, from, to, shows string }{
		{"a line is added and saved: console.log(url.pathname)", line, line + " console.log(url.pathname);", "up to date"},
		{"the next edit has a bracket too many", "Response.json({ message", "Response.json(({ message", "what served before serves on"},
		{"mended", "Response.json(({ message", "Response.json({ message", "up to date"},
	}
	for i, step := range steps {
		s.note(step.note)
		before := strings.Count(s.text(), step.shows)
		if err := s.edit(step.from, step.to); err != nil {
			return err
		}
		if err := s.until("it to say "+step.shows, func() bool { return strings.Count(s.text(), step.shows) > before }); err != nil {
			return err
		}
		if err := s.visit(i); err != nil {
			return err
		}
	}
	s.note("q is typed")
	if _, err := s.person.WriteString("q"); err != nil {
		return err
	}
	return dev.Wait()
}

// visit asks the function for a page, and waits until what it logs is shown.
func (s *session) visit(number int) error {
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(s.text())
	path := fmt.Sprintf("visit-%d", number+1)
	s.note("a browser or a program asks for /" + path)
	res, err := http.Get(url + path)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	shown := regexp.MustCompile(`api\S*\s+/` + path)
	return s.until("the log of "+path, func() bool { return shown.MatchString(s.text()) })
}

// command is ferry at the terminal, in a home of its own and without anything of this shell.
func (s *session) command(dir string, args ...string) *exec.Cmd {
	s.prompt("ferry " + strings.Join(args, " "))
	c := exec.Command(s.ferry, args...)
	c.Dir = dir
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "FERRY_HOME=" + filepath.Join(s.dir, "home"), "TERM=xterm-256color", "COLORTERM=",
		"GOCACHE=" + filepath.Join(s.dir, "cache"), "TZ=UTC",
	}
	c.Stdin, c.Stdout, c.Stderr = s.tty, s.tty, s.tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c
}

func (s *session) prompt(command string) { s.write("\x1b[32m$\x1b[0m \x1b[1m" + command + "\x1b[0m\n") }

func (s *session) note(text string) { s.write("\x1b[2m# " + text + "\x1b[0m\n") }

func (s *session) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.WriteString(text)
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *session) edit(from, to string) error {
	file := filepath.Join(s.dir, "shop", "src", "app.js")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o644)
}

func (s *session) waits(text string) error {
	return s.until("it to say "+text, func() bool { return strings.Contains(s.text(), text) })
}

func (s *session) until(what string, holds func() bool) error {
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			return errors.New("waited in vain for " + what)
		}
	}
	return nil
}

// open opens a terminal of the system's.
func (s *session) open() (err error) {
	if s.person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return err
	}
	fd := int(s.person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if s.tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 96}); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(writer(s.write), s.person) }()
	return nil
}

// writer takes what a terminal shows.
type writer func(string)

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	w(strings.ReplaceAll(string(p), "\r\n", "\n"))
	return len(p), nil
}
