//go:build unix

package corpus_test

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// onAWS packages the program for AWS on both architectures. The package for this machine's is run as Lambda runs it; what
// is compiled in the others must be for theirs.
func (d *checkout) onAWS(native caller) (v verdict) {
	d.Helper()
	for arch, stage := range map[string]string{"amd64": "amd", "arm64": "arm"} {
		own := arch == runtime.GOARCH && runtime.GOOS == "linux"
		if says := d.refusedOnAWS(own); says != "" {
			v.wrong = !d.saying(says, stage) || v.wrong
			continue
		}
		dir, ok := d.packaged(stage)
		if !ok {
			v.wrong = true
			continue
		}
		if err := madeFor(dir, arch); err != nil {
			d.Errorf("the package for %s: %v", arch, err)
			v.wrong = true
		}
		if own {
			w := alike(d.T, "AWS", native, d.lambda(dir, ""), d.requests)
			v.requests, v.failed, v.wrong = w.requests, w.failed, v.wrong || w.wrong || !d.lists(dir)
		}
	}
	return v
}

// refusedOnAWS is what ferry has to say of an architecture, "" where it packages the program.
func (d *checkout) refusedOnAWS(own bool) string {
	if own {
		return d.program.onAWS
	}
	return cmp.Or(d.program.onAWS, d.foreign)
}

// saying is whether ferry refuses to package the program for a stage on AWS, in these words.
func (d *checkout) saying(words, stage string) bool {
	d.Helper()
	for _, command := range []string{"validate", "package"} {
		if doc, all := d.ferry(command, "--target", "aws", "--stage", stage); !doc.OK && strings.Contains(all, words) {
			return true
		}
	}
	d.Errorf("for AWS it should have been refused with %q", words)
	return false
}

// packaged is the package of a stage for AWS, unpacked.
func (d *checkout) packaged(stage string) (string, bool) {
	d.Helper()
	out, dir := d.TempDir(), d.TempDir()
	doc, all := d.ferry("package", "--target", "aws", "--stage", stage, "-o", out)
	if !doc.OK {
		d.Errorf("it cannot be packaged for AWS: %s", all)
		return "", false
	}
	if err := lambdatest.Unpack(filepath.Join(out, "app.zip"), dir); err != nil {
		d.Fatal(err)
	}
	return dir, true
}

// lambda starts a folder as Lambda would; handler is empty for that of ferry's entry.
func (d *checkout) lambda(dir, handler string) caller {
	d.Helper()
	f := lambdatest.Function{Dir: dir, Runtime: "provided.al2023", Handler: handler, Timeout: 30 * time.Second, MemoryMB: 512}
	f.Env = map[string]string{"FERRY_DIGEST": "sha256:abc"}
	entry := "bootstrap"
	switch {
	case strings.Contains(d.function, "runtime: nodejs"):
		f.Runtime, entry = "nodejs24.x", "ferry-entry.handler"
	case !strings.Contains(d.function, "runtime:"):
		f.Runtime, entry = string(packagertest.ThisPython(d.T)), "ferry_entry.handler"
	}
	if handler == "" {
		f.Handler = entry
	}
	e, err := lambdatest.Start(d.Context(), f)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := e.Close(); err != nil {
			d.Error(err)
		}
	})
	return invoked{e}
}

// invoked is a function that a function URL calls.
type invoked struct{ *lambdatest.Environment }

func (i invoked) call(t *testing.T, method, target, body string) answer {
	t.Helper()
	r, err := i.Invoke(t.Context(), urlEvent(method, target, body))
	if err != nil {
		t.Fatal(err)
	}
	if r.FunctionError != "" {
		return answer{status: http.StatusBadGateway, body: string(r.Payload) + r.Log}
	}
	return received(t, r.Payload)
}

// urlEvent is a request in payload format 2.0.
func urlEvent(method, target, body string) []byte {
	path, query, _ := strings.Cut(target, "?")
	headers := map[string]string{"host": "127.0.0.1", "x-forwarded-proto": "https", "user-agent": "Go-http-client/1.1"}
	if kind := contentType(body); kind != "" {
		headers["content-type"], headers["content-length"] = kind, fmt.Sprint(len(body))
	}
	event := map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
		"requestContext": map[string]any{
			"stage": "$default", "requestId": "7", "domainName": "x.lambda-url.eu-west-1.on.aws",
			"http": map[string]any{"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1", "userAgent": "Go-http-client/1.1"},
		},
		"isBase64Encoded": false,
	}
	switch {
	case strings.HasPrefix(contentType(body), "application/json"):
		event["body"] = body
	case body != "": // other bytes than text come encoded
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	if query != "" {
		parameters := map[string]string{}
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			parameters[name] = value
		}
		event["queryStringParameters"] = parameters
	}
	data, err := json.Marshal(event)
	if err != nil {
		panic(err) // texts always have a JSON form
	}
	return data
}

// received reads a result as a function URL does: an object without a status is the body of an answer.
func received(t *testing.T, payload []byte) answer {
	t.Helper()
	var r struct {
		StatusCode      int
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(payload, &r); err != nil || r.StatusCode == 0 {
		return answer{http.StatusOK, "application/json", string(payload)}
	}
	a := answer{status: r.StatusCode, kind: "application/json", body: r.Body}
	if len(r.Headers) > 0 || r.StatusCode == http.StatusNoContent {
		a.kind = ""
	}
	for name, value := range r.Headers {
		if strings.EqualFold(name, "content-type") {
			a.kind = value
		}
	}
	if r.IsBase64Encoded {
		data, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(data)
	}
	return a
}

// machines are the words of programs and of wheels for an architecture.
var machines = map[string]struct {
	elf   elf.Machine
	wheel string
}{"amd64": {elf.EM_X86_64, "x86_64"}, "arm64": {elf.EM_AARCH64, "aarch64"}}

// madeFor is an error for what is compiled in a package and not for Linux on this architecture.
func madeFor(dir, arch string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		switch {
		case bytes.HasPrefix(data, []byte(elf.ELFMAG)):
			f, err := elf.NewFile(bytes.NewReader(data))
			if err != nil {
				return fmt.Errorf("%s: %w", rel, err)
			}
			if f.Machine != machines[arch].elf {
				return fmt.Errorf("%s is for %s", rel, f.Machine)
			}
		case filepath.Ext(path) == ".node":
			return fmt.Errorf("%s is no program for Linux", rel)
		case e.Name() == "WHEEL":
			for line := range strings.Lines(string(data)) {
				if tag, ok := strings.CutPrefix(strings.TrimSpace(line), "Tag: "); ok && !strings.HasSuffix(tag, "-any") && !strings.HasSuffix(tag, machines[arch].wheel) {
					return fmt.Errorf("%s is of a wheel for %s", rel, tag)
				}
			}
		}
		return nil
	})
}
