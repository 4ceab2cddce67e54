package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// noise writes a file that cannot be compressed.
func (s *tenant) noise(name string, size int64) {
	s.Helper()
	s.write(name, "")
	f, err := os.Create(filepath.Join(s.root, filepath.FromSlash(name)))
	s.must(err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	s.must(errors.Join(err, f.Close()))
}

// codes are the packages in the requests to Lambda that pass on their way: how many bytes, or where they lie.
type codes struct {
	mu   sync.Mutex
	seen []map[string]any
}

// watched puts something between ferry and the cloud that looks at what is sent to Lambda.
func (s *tenant) watched() *codes {
	s.Helper()
	to, err := url.Parse(s.Endpoint())
	s.must(err)
	c, proxy := &codes{}, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "/lambda/") && r.ContentLength > 0 {
			c.look(s, r)
		}
		proxy.ServeHTTP(w, r)
	}))
	s.Cleanup(server.Close)
	s.env = func(name string) (string, bool) {
		if name == "FERRY_AWS_ENDPOINT" {
			return server.URL, true
		}
		return s.Env(name)
	}
	return c
}

func (c *codes) look(s *tenant, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	type code struct {
		ZipFile         []byte
		S3Bucket, S3Key string
	}
	var in struct {
		Code *code
		code
	}
	_ = json.Unmarshal(body, &in) // an invocation is no object
	sent := in.code
	if in.Code != nil {
		sent = *in.Code
	}
	if len(sent.ZipFile) == 0 && sent.S3Key == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, map[string]any{"bytes": len(sent.ZipFile), "bucket": sent.S3Bucket, "key": sent.S3Key})
}

func TestALargePackageGoesThroughTheStoreOnceAndASmallOneWithTheRequest(t *testing.T) {
	t.Parallel()
	s := newTenant(t)
	sent := s.watched()
	s.declare("api", "one")
	s.noise("api/model.bin", 60<<20)
	s.deploy()
	s.answers("api", "one a")
	first := s.packed("api")
	s.declare("api", "two")
	s.deploy()
	s.answers("api", "two a")
	second := s.packed("api")
	if first.Size < 60<<20 || first.ZipDigest == second.ZipDigest {
		t.Fatalf("the packages are %+v and %+v", first, second)
	}
	in := func(a packager.Artifact) map[string]any {
		return map[string]any{"bytes": 0, "bucket": "ferry-123456789012-eu-west-1", "key": s.packageKey(a)}
	}
	if diff := cmp.Diff([]map[string]any{in(first), in(second)}, sent.seen); diff != "" {
		t.Errorf("the code in the requests (-want +got):\n%s", diff)
	}
	for version, a := range map[string]packager.Artifact{"1": first, "2": second} {
		if got := *s.at("api", version).Configuration.CodeSha256; got != codeDigest(a.ZipDigest) {
			t.Errorf("version %s has the code %s", version, got)
		}
	}
	var puts []string
	for _, c := range s.Calls() {
		if c.Operation == "PutObject" && strings.Contains(c.Resource, "/packages/") {
			puts = append(puts, strings.TrimPrefix(c.Resource, "ferry-123456789012-eu-west-1/"))
		}
	}
	equal(t, "the packages that were sent to the store", puts, []string{s.packageKey(first), s.packageKey(second)})

	s.must(os.Remove(filepath.Join(s.root, "api", "model.bin")))
	sent.seen = nil
	s.deploy()
	small := s.packed("api")
	if diff := cmp.Diff([]map[string]any{{"bytes": int(small.Size), "bucket": "", "key": ""}}, sent.seen); diff != "" {
		t.Errorf("the code of a small package (-want +got):\n%s", diff)
	}
}

// packageKey is where the service's ledger keeps a package.
func (s *tenant) packageKey(a packager.Artifact) string {
	m := s.engine().Manifest
	return providers.PackageKey(providers.LedgerPrefix(m.Service, m.Stage, m.Target.Name), a.ZipDigest)
}

// packed is the package of a function as its sources are now.
func (s *tenant) packed(fn string) packager.Artifact {
	s.Helper()
	e := s.engine()
	f, _ := e.Manifest.Function(fn)
	a, err := e.Packager.Build(s.Context(), f, e.Adapter.Platform(f))
	s.must(err)
	return a
}

func TestAPackageThatUnpacksToTooMuchIsRefusedBeforeAnythingIsSent(t *testing.T) {
	s := newTenant(t).imitated()
	s.declare("api", "one")
	s.deploy()
	before := s.Snapshot()
	for _, part := range []struct {
		name string
		size int64
	}{{"weights/model.bin", 200 << 20}, {"corpus/words.txt", 60 << 20}, {"small.txt", 980 << 10}} {
		s.write("api/"+part.name, "")
		s.must(os.Truncate(filepath.Join(s.root, "api", filepath.FromSlash(part.name)), part.size))
	}
	s.Reset()
	_, err := s.engine().Deploy(t.Context(), release.DeployOptions{})
	var e *packager.Error
	if !errors.As(err, &e) || e.Function != "api" {
		t.Fatalf("the deploy says %v", err)
	}
	told := fmt.Sprint(err)
	model, corpus := strings.Index(told, "200.0 MB  weights"), strings.Index(told, "60.0 MB  corpus")
	if !strings.Contains(told, "261.0 MB, more than the limit of 250.0 MB") || model < 0 || corpus < model {
		t.Errorf("it does not say what is biggest: %s", told)
	}
	equal(t, "the writes", s.wrote(""), nil)
	if s.Snapshot() != before {
		t.Error("something changed")
	}
}
