// Package platformtest is a function for tests that needs no interpreter: the test's own binary, started again.
package platformtest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Switch is the environment variable that makes the test's binary the function.
const Switch = "FERRY_TEST_FUNCTION"

// Answer is what the function says of itself and of the request.
type Answer struct {
	Version string // the content of the file "version" in the package
	Env     map[string]string
	Method  string
	URI     string
	Host    string
	Header  http.Header
	Body    string
	PID     int
}

// Main is the function's program. TestMain calls it when Switch is set; it does not return.
func Main() {
	if os.Getenv("BROKEN") != "" {
		fmt.Fprintln(os.Stderr, "Traceback: no module named stripe", os.Getenv("KEY"))
		os.Exit(3)
	}
	if d, err := time.ParseDuration(os.Getenv("START_DELAY")); err == nil {
		<-time.After(d)
	}
	if d, err := time.ParseDuration(os.Getenv("START_WORKS")); err == nil {
		for begin := time.Now(); time.Since(begin) < d; { // keeps a processor busy
			runtime.Gosched()
		}
	}
	begin()
	version, _ := os.ReadFile("version")
	mux := http.NewServeMux()
	f := &function{version: strings.TrimSpace(string(version))}
	mux.HandleFunc("GET /.ferry/probe", f.probe)
	mux.HandleFunc("POST /.ferry/event", f.event)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.ferry/") && r.Header.Get("Ferry-Instance") == os.Getenv("FERRY_INSTANCE") {
			mux.ServeHTTP(w, r)
			return
		}
		f.serve(w, r)
	})}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		os.Exit(0)
	}()
	network, address := "tcp4", "127.0.0.1:"+os.Getenv("PORT")
	if socket := os.Getenv("FERRY_SOCKET"); socket != "" { // as shims do
		network, address = "unix", socket
	}
	l, err := net.Listen(network, address)
	if err == nil {
		err = server.Serve(l)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// begin does before the program listens what the environment asks for.
func begin() {
	if os.Getenv("START_EATS") != "" {
		hog := eaten()
		<-time.After(time.Hour)
		fmt.Println(len(hog))
	}
	switch ends := os.Getenv("START_ENDS"); ends {
	case "":
	case "kill":
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		<-time.After(time.Hour)
	default:
		code, _ := strconv.Atoi(ends)
		os.Exit(code)
	}
}

// eaten is 200 MB of memory.
func eaten() []byte {
	hog := make([]byte, 200<<20)
	for i := range hog {
		hog[i] = byte(i)
	}
	return hog
}

type function struct{ version string }

func (f *function) probe(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]string{"digest": os.Getenv("FERRY_DIGEST"), "instance": os.Getenv("FERRY_INSTANCE")})
}

func (f *function) event(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") == "application/cloudevents-batch+json" {
		if os.Getenv("ONE_BY_ONE") != "" { // as a shim that knows of no batches
			http.Error(w, `{"error":"this is no CloudEvent"}`, http.StatusBadRequest)
			return
		}
		f.batch(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if !takes(r.Header, string(body)) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "on purpose, " + os.Getenv("KEY")})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"type": r.Header.Get("Ce-Type")})
}

// takes is whether the function succeeds with an event.
func takes(h http.Header, body string) bool {
	fmt.Println("event", h.Get("Ce-Type"), body)
	delivered(h, body)
	attempt, _ := strconv.Atoi(h.Get("Ferry-Attempt"))
	until, err := strconv.Atoi(strings.TrimPrefix(body, "fails until "))
	return (err != nil || attempt >= until) && (body != "fails" || exists(os.Getenv("FIXED")))
}

// batch takes several messages at once, and names those that failed: by a word of one of them another one, or it fails as a whole.
func (f *function) batch(w http.ResponseWriter, r *http.Request) {
	var events []struct {
		ID, Type, Source, FerryAttempt, FerryAttributes string
		Data                                            []byte `json:"data_base64"`
	}
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Println("a batch of", len(events))
	failures := []map[string]string{}
	for _, e := range events {
		h := http.Header{"Ce-Type": {e.Type}, "Ce-Source": {e.Source}, "Ferry-Attempt": {e.FerryAttempt}, "Ferry-Attributes": {e.FerryAttributes}}
		switch taken := takes(h, string(e.Data)); {
		case string(e.Data) == "spoils all":
			http.Error(w, `{"error":"spoilt"}`, http.StatusInternalServerError)
			return
		case string(e.Data) == "names another":
			failures = append(failures, map[string]string{"itemIdentifier": "another"})
		case !taken:
			failures = append(failures, map[string]string{"itemIdentifier": e.ID})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"batchItemFailures": failures})
}

// delivered notes an event in the file that the environment names: attempt, type, source, subject, content.
func delivered(h http.Header, body string) {
	file, err := os.OpenFile(os.Getenv("DELIVERED"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	fmt.Fprintln(file, h.Get("Ferry-Attempt"), h.Get("Ce-Type"), h.Get("Ce-Source"), h.Get("Ce-Subject"), h.Get("Ferry-Attributes"), body)
	_ = file.Close()
}

func (f *function) serve(w http.ResponseWriter, r *http.Request) {
	switch path, _, _ := strings.Cut(r.RequestURI, "?"); path {
	case "/exit":
		fmt.Println("about to crash")
		os.Exit(7)
	case "/sleep":
		d, _ := time.ParseDuration(r.URL.Query().Get("for"))
		<-time.After(d)
		fmt.Fprint(w, f.version)
	case "/hold":
		for name := r.URL.Query().Get("until"); !exists(name); {
			<-time.After(2 * time.Millisecond)
		}
		fmt.Fprint(w, f.version)
	case "/log":
		fmt.Println(r.URL.Query().Get("line"))
		fmt.Fprintln(os.Stderr, "err: "+r.URL.Query().Get("line"))
	case "/cookies":
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2, 3")
		w.WriteHeader(http.StatusTeapot)
	case "/flood":
		flood(r.URL.Query().Get("mb"))
	case "/large":
		n, _ := strconv.Atoi(r.URL.Query().Get("mb"))
		for range n {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	case "/children":
		children(w, r)
	case "/redirect":
		w.Header().Set("Location", r.Header.Get("To"))
		w.WriteHeader(http.StatusFound)
	case "/untyped":
		n, _ := strconv.Atoi(r.URL.Query().Get("size"))
		w.Header()["Content-Type"] = nil
		_, _ = w.Write(bytes.Repeat([]byte("<p>"), n))
	case "/drip":
		drip(w, r)
	case "/upgrade":
		upgrade(w)
	case "/eat":
		hog := eaten()
		<-r.Context().Done()
		fmt.Fprint(w, len(hog))
	default:
		f.echo(w, r)
	}
}

func (f *function) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	_ = json.NewEncoder(w).Encode(Answer{
		Version: f.version, Env: env, Method: r.Method, URI: r.RequestURI, Host: r.Host,
		Header: r.Header, Body: string(body), PID: os.Getpid(),
	})
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// flood prints so many megabytes, in lines.
func flood(mb string) {
	n, _ := strconv.Atoi(mb)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range n << 10 {
		_, _ = os.Stdout.Write(line)
	}
}

// drip answers each byte of the body as it comes.
func drip(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	_ = control.Flush()
	buf := make([]byte, 1)
	for {
		if _, err := r.Body.Read(buf); err != nil {
			return
		}
		_, _ = w.Write(buf)
		_ = control.Flush()
	}
}

// upgrade switches to a protocol that echoes lines.
func upgrade(w http.ResponseWriter) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	lines := bufio.NewScanner(rw)
	for lines.Scan() {
		_, _ = fmt.Fprintln(c, "echo "+lines.Text())
	}
}

// Zip writes a package. Its files can be executed.
func Zip(t testing.TB, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "package.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	for _, name := range slices.Sorted(maps.Keys(files)) { // the same files, the same bytes
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o755)
		entry, err := z.CreateHeader(header)
		if err == nil {
			_, err = io.WriteString(entry, files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Until waits for a condition, and fails the test when it does not come.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	patience := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-patience:
			t.Fatalf("waited too long until %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
