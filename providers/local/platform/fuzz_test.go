//go:build unix

package platform

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/providers/local/platform/platformtest"
)

// archive is a zip with a file or folder of each name, damaged at one place unless damage is 0.
func archive(t *testing.T, names []string, content []byte, mode uint32, at uint16, damage byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(fs.FileMode(mode))
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Skip(err)
		}
		if _, err := w.Write(append(content, byte(i))); err != nil && !strings.HasSuffix(name, "/") {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	data[int(at)%len(data)] ^= damage
	return data
}

// tree is all that is below a folder: the content of each file with its mode, "" for a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if found[rel] = ""; d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		found[rel] = info.Mode().String() + " " + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func FuzzUnpack(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add("a.txt\nb/c.bin\nd/", []byte("x"), uint32(0o755), uint16(0), byte(0))
	f.Add("../a\n/b", []byte("x"), uint32(0o644), uint16(0), byte(0))
	f.Add("a\na/b\n./c\nd//e\n..", []byte("x"), uint32(0o644), uint16(0), byte(0))
	f.Add("link\nlink/a", []byte("/tmp"), uint32(fs.ModeSymlink|0o777), uint16(0), byte(0))
	f.Add("pipe", []byte(nil), uint32(fs.ModeNamedPipe|fs.ModeSetuid|0o777), uint16(40), byte(1))
	f.Add("a", []byte("x"), uint32(0o644), uint16(30), byte('a'^'.'))
	f.Fuzz(func(t *testing.T, names string, content []byte, mode uint32, at uint16, damage byte) {
		if len(names) > 300 || len(content) > 2000 {
			t.Skip("no new shapes")
		}
		data := archive(t, strings.Split(names, "\n"), content, mode, at, damage)
		box := t.TempDir()
		file, dir := filepath.Join(box, "package.zip"), filepath.Join(box, "new")
		if err := errors.Join(os.WriteFile(file, data, 0o600), os.Mkdir(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		failed := unpack(t.Context(), file, dir)
		outside := tree(t, box)
		for name := range outside {
			if name != "package.zip" && name != "new" && !strings.HasPrefix(name, "new/") {
				t.Fatalf("%q was made outside of the folder", name)
			}
		}
		if failed != nil {
			return
		}
		if diff := cmp.Diff(promised(t, data), tree(t, dir)); diff != "" {
			t.Fatalf("what was unpacked is not what the package holds: %s", diff)
		}
	})
}

// promised is what a package must unpack to: its files, readable, executable where they were.
func promised(t *testing.T, data []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("unpacked what is no zip: %v", err)
	}
	want := map[string]string{}
	for _, e := range r.File {
		name := path.Clean(e.Name)
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			want[dir] = ""
		}
		if strings.HasSuffix(e.Name, "/") {
			if name != "." {
				want[name] = ""
			}
			continue
		}
		content, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			t.Fatalf("unpacked %q, which cannot be read: %v", e.Name, err)
		}
		want[name] = (e.Mode().Perm()&0o111 | 0o444).String() + " " + string(text)
	}
	return want
}

// FuzzRequestLine sends request lines and hosts to a platform: a function that is reached gets its part byte for byte,
// and none is said to have failed.
func FuzzRequestLine(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	home := Home(f.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, home, Options{Grace: time.Second}) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
	platformtest.Until(f, "the platform runs", home.Running)
	address := functionFor(f, home)
	for _, target := range []string{
		"/api", "/api/x?a=b;c&%zz", "/api//a/../b%2f", "/", "*", "api.localhost:80", "http://api.localhost/x", "/none/", "/api?", "//api/x", "/api/|^\"<>",
	} {
		f.Add("GET", target, "localhost")
		f.Add("POST", target, "api.localhost")
	}
	f.Add("CONNECT", "127.0.0.1:22", "127.0.0.1")
	f.Add("HEAD", "/api/ä", "API.localhost")
	f.Fuzz(func(t *testing.T, method, target, host string) {
		if strings.ContainsAny(method+target+host, "\r\n") || len(method)+len(target)+len(host) > 2000 {
			t.Skip("more than a request line")
		}
		for _, own := range []string{"/exit", "/sleep", "/eat", "/drip", "/upgrade", "/cookies", "/log", "/.ferry/"} {
			if strings.Contains(target, own) {
				t.Skip("the test's function does something else there")
			}
		}
		answered(t, address, method, target, host)
	})
}

// urlPath is what a path may hold (RFC 3986).
var urlPath = regexp.MustCompile(`^(?:[A-Za-z0-9/:@!$&'()*+,;=._~-]|%[0-9A-Fa-f]{2})*$`)

func functionFor(f *testing.F, home Home) (address string) {
	f.Helper()
	if err := home.PutRevision(f.Context(), shop, "api", revision("one"), platformtest.Zip(f, map[string]string{"version": "one"})); err != nil {
		f.Fatal(err)
	}
	if _, err := NewClient(home, Launch{}).Switch(f.Context(), SwitchRequest{Scope: shop, Changes: []Change{{"api", "", "one"}}}); err != nil {
		f.Fatal(err)
	}
	table, err := home.Table(shop)
	if err != nil {
		f.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(URL(table.Port, ""), "http://"), "/")
}

func answered(t *testing.T, address, method, target, host string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, method+" "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q %q %q: no answer: %v", method, target, host, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q %q %q: a broken answer: %v", method, target, host, err)
	}
	if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented && res.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Fatalf("%q %q %q is answered %d: %s", method, target, host, res.StatusCode, body)
	}
	var a platformtest.Answer
	if res.StatusCode != http.StatusOK || json.Unmarshal(body, &a) != nil {
		return
	}
	if a.Method != method || a.Host != host || !strings.HasPrefix(target, "/") {
		return // an absolute target has a host of its own
	}
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	want := target
	if name != "api.localhost" {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(target, "/"), "api")
		if !ok {
			t.Fatalf("%q at %q reached api", target, host)
		}
		if want = rest; !strings.HasPrefix(rest, "/") {
			want = "/" + rest
		}
	}
	var plain string // bytes that are no text do not survive the function's own answer in JSON
	if data, err := json.Marshal(want); err != nil || json.Unmarshal(data, &plain) != nil {
		t.Fatal(err)
	}
	if path, _, _ := strings.Cut(want, "?"); strings.HasPrefix(path, "//") && !urlPath.MatchString(path) {
		return // net/http writes those encoded, as a client must
	}
	if a.URI != plain {
		t.Fatalf("%q at %q arrived as %q, not %q", target, host, a.URI, want)
	}
}
