package memory_test

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/providers/providertest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	for name, pace := range map[string]memory.Pace{
		"at once": {}, "slowly": {Build: 20 * time.Millisecond, Apart: 20 * time.Millisecond, Spread: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) { keepsTheContract(t, pace) })
	}
}

func keepsTheContract(t *testing.T, pace memory.Pace) {
	providertest.Run(t, func(t *testing.T) providertest.Place {
		w := memory.NewWorld()
		w.Pace = pace
		w.Tagged = pace.Build > 0
		w.Memory = []manifest.Size{256 * manifest.MB, 2 * manifest.GB}
		server := httptest.NewServer(w)
		t.Cleanup(server.Close)
		w.URL = server.URL
		p := providertest.Place{
			Adapter: memory.New(w),
			Spec:    spec,
			Broken: func(t *testing.T, function string) providers.Spec {
				return spec(t, function, "broken: no such module", "")
			},
			Call:      func(t *testing.T, function string) (string, string) { return call(t, w.URL+"/"+function) },
			Overwrite: func(_ *testing.T, function string, r providers.Revision) { w.Overwrite(function, r.ID) },
			Lose:      func(_ *testing.T, function string, r providers.Revision) { w.Lose(function, r.ID) },
		}
		if pace.Build > 0 {
			p.Begun = func(_ *testing.T, function string) int { return w.Builds(function) }
		}
		return p
	})
}

func TestMemoryKeepsTheStoreContract(t *testing.T) {
	providertest.RunStore(t, func(t *testing.T) providers.Store {
		s, err := memory.New(memory.NewWorld()).Store(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func spec(t *testing.T, function, version, word string) providers.Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "package.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	entry, err := z.Create("run.sh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(entry, version); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	fn := manifest.Function{
		Name: function, Runtime: "custom", Style: manifest.StyleServer, Handler: "run.sh",
		Env: map[string]string{"WORD": word}, Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
	}
	a := packager.Artifact{Path: path, Digest: "sha256:" + version, ZipDigest: providertest.ZipDigest(t, path), Entry: "run.sh"}
	return providers.Spec{Function: fn, Artifact: a, Digest: providers.SpecDigest(providers.ConfigDigest(fn, nil), a.ZipDigest)}
}

func call(t *testing.T, url string) (version, word string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", ""
	}
	var a memory.Answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Code, a.Env["WORD"]
}
