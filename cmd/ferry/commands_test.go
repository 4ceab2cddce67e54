package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits runs a command and checks its exit code: `exits 2 ferry plan`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// paste types a command that ferry names between backticks into a shell, and checks its exit code:
// `paste 0 stderr 'ferry resume'`.
func paste(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: paste CODE FILE BEGINNING")
	}
	text := ts.ReadFile(args[1])
	_, rest, named := strings.Cut(text, "`"+args[2])
	command, _, closed := strings.Cut(rest, "`")
	if !named || !closed {
		ts.Fatalf("%s names no command %s:\n%s", args[1], args[2], text)
	}
	exits(ts, false, []string{args[0], "sh", "-c", args[2] + command})
}

// jsonValue checks one value of a JSON file: `json stdout result.release 1`. A value that is no scalar is
// compared as compact JSON. Without a value the path has to exist; with ! it must not.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json FILE PATH [VALUE]")
	}
	got, ok := dig(ts, args[0], args[1])
	switch {
	case len(args) == 2 && ok == neg:
		ts.Fatalf("%s: present is %v", args[1], ok)
	case len(args) == 2:
	case !ok && !neg:
		ts.Fatalf("no %s in %s", args[1], ts.ReadFile(args[0]))
	case (got == args[2]) == neg:
		ts.Fatalf("%s is %s", args[1], got)
	}
}

// get keeps a value of a JSON file in the environment: `get URL stdout result.functions.api.url`.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: get NAME FILE PATH")
	}
	got, ok := dig(ts, args[1], args[2])
	if !ok {
		ts.Fatalf("no %s in %s", args[2], ts.ReadFile(args[1]))
	}
	ts.Setenv(args[0], got)
}

// dig finds a value by its path: keys and indexes with dots between.
func dig(ts *testscript.TestScript, file, path string) (string, bool) {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(file)), &v); err != nil {
		ts.Fatalf("%s is not one JSON document: %v", file, err)
	}
	for key := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			inner, ok := at[key]
			if !ok {
				return "", false
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			v = at[i]
		default:
			return "", false
		}
	}
	if s, ok := v.(string); ok {
		return s, true
	}
	data, err := json.Marshal(v)
	ts.Check(err)
	return string(data), true
}

// request calls a URL and prints status, headers and body: `http [-X METHOD] [-d DATA] URL`.
func request(ts *testscript.TestScript, neg bool, args []string) {
	method, body := http.MethodGet, ""
	for len(args) > 2 {
		switch args[0] {
		case "-X":
			method = args[1]
		case "-d":
			method, body = http.MethodPost, args[1]
		default:
			ts.Fatalf("usage: http [-X METHOD] [-d DATA] URL")
		}
		args = args[2:]
	}
	r, err := http.NewRequest(method, args[0], strings.NewReader(body))
	ts.Check(err)
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if neg {
		if err == nil {
			answer.Body.Close()
			ts.Fatalf("%s answers %d", args[0], answer.StatusCode)
		}
		return
	}
	ts.Check(err)
	defer answer.Body.Close()
	var lines []string
	for name, values := range answer.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	slices.Sort(lines)
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n\n%s\n", answer.StatusCode, strings.Join(lines, "\n"), data)
}

// answers calls a URL so many times and prints the different answers, sorted: `answers 50 URL`.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answers COUNT URL")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	var all []string
	for range count {
		answer, err := client.Get(args[1])
		ts.Check(err)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		ts.Check(err)
		all = append(all, fmt.Sprintf("%d %s", answer.StatusCode, body))
	}
	slices.Sort(all)
	fmt.Fprint(ts.Stdout(), strings.Join(slices.Compact(all), ""))
}

// nudge requests a URL until a file holds a text: `nudge URL FILE TEXT`.
func nudge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: nudge URL FILE TEXT")
	}
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if data, err := os.ReadFile(ts.MkAbs(args[1])); err == nil && strings.Contains(string(data), args[2]) {
			return
		}
		answer, err := client.Get(args[0])
		ts.Check(err)
		answer.Body.Close()
		if <-tick.C; time.Now().After(deadline) {
			ts.Fatalf("%s does not come to hold %q", args[1], args[2])
		}
	}
}

// openPage waits until a browser that opens a URL gets an answer of that status with a text: `page URL STATUS TEXT`.
func openPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: page URL STATUS TEXT")
	}
	r, err := http.NewRequest(http.MethodGet, args[0], nil)
	ts.Check(err)
	r.Header.Set("Accept", "text/html")
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body := "nothing", []byte(nil)
		answer, err := client.Do(r)
		if err == nil {
			status = strconv.Itoa(answer.StatusCode)
			body, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		if err == nil && status == args[1] && strings.Contains(string(body), args[2]) {
			return
		}
		if <-tick.C; time.Now().After(deadline) {
			ts.Fatalf("%s answers %s: %s %v", args[0], status, body, err)
		}
	}
}

// onlyIn checks that of all files below a folder one alone holds a text: `onlyin DIR TEXT FILE`.
func onlyIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: onlyin DIR TEXT FILE")
	}
	root := os.DirFS(ts.MkAbs(args[0]))
	var found []string
	ts.Check(fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		if bytes.Contains(data, []byte(args[1])) {
			found = append(found, path)
		}
		return err
	}))
	if len(found) != 1 || found[0] != args[2] {
		ts.Fatalf("%s is in %q, not in %s alone", args[1], found, args[2])
	}
}
