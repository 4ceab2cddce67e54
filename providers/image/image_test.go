package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// shelf is a registry, and what was asked of it.
type shelf struct {
	host string
	mu   sync.Mutex
	said []string
}

func newShelf(t *testing.T) (*shelf, Registries) {
	t.Helper()
	s := &shelf{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.said = append(s.said, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s, Registries{Keys: authn.NewMultiKeychain(), Transport: http.DefaultTransport, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
}

// sent are the blobs that were sent since it was asked last, and the manifests.
func (s *shelf) sent() (blobs, manifests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.said {
		switch {
		case strings.HasPrefix(one, "PATCH ") && strings.Contains(one, "/blobs/uploads/"):
			blobs++
		case strings.HasPrefix(one, "PUT ") && strings.Contains(one, "/manifests/"):
			manifests++
		}
	}
	s.said = nil
	return blobs, manifests
}

// base puts an image of two layers there, which has a variable.
func (s *shelf) base(t *testing.T, kind types.MediaType, at string) {
	t.Helper()
	img, err := random.Image(1<<20, 2)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file.OS, file.Architecture = "linux", "amd64"
	file.Config.Env, file.Config.Cmd = []string{"PATH=/layers/node/bin:/usr/bin"}, []string{"sh"}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(s.host + at)
	if err == nil {
		err = remote.Write(ref, mutate.MediaType(img, kind))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.sent()
}

// packed is a package of these files, which are written in the order of their names.
func packed(t *testing.T, files map[string]string) packager.Artifact {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, at := range slices.Sorted(keys(files)) {
		h := &zip.FileHeader{Name: at, Method: zip.Deflate, Modified: epoch()}
		h.SetMode(0o644)
		if strings.HasSuffix(at, ".sh") {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, files[at])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "p.zip")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	a := packager.Artifact{Path: path}
	a.ZipDigest, a.Size = fmt.Sprintf("sha256:%x", sha256.Sum256(buf.Bytes())), int64(buf.Len())
	return a
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAnImageIsItsBaseAndOneLayerThatIsThePackage(t *testing.T) {
	for _, kind := range []types.MediaType{types.DockerManifestSchema2, types.OCIManifestSchema1} {
		t.Run(string(kind), func(t *testing.T) {
			s, r := newShelf(t)
			s.base(t, kind, "/public/base:1")
			base, err := r.Pin(t.Context(), s.host+"/public/base:1", s.host+"/mine/base", "node")
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"run.sh": "#!/bin/sh\n", "views/deep/a.html": "<p>", "z.txt": ""}
			recipe := Recipe{Base: base, Artifact: packed(t, files), Folder: "/workspace", Command: []string{"/workspace/run.sh"}}
			at, err := r.Push(t.Context(), s.host+"/mine/api", recipe)
			if err != nil {
				t.Fatal(err)
			}
			img, err := r.pull(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(img); err != nil {
				t.Error(err)
			}
			file, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			c := file.Config
			if fmt.Sprintf("%v %v %s %v", c.Entrypoint, c.Cmd, c.WorkingDir, c.Env) != "[/workspace/run.sh] [] /workspace [PATH=/layers/node/bin:/usr/bin]" {
				t.Errorf("it is started with %+v", c)
			}
			layers, err := img.Layers()
			if err != nil || len(layers) != 3 {
				t.Fatalf("%d layers: %v", len(layers), err)
			}
			got := unpacked(t, layers[2])
			want := []string{"workspace/ 755 ", "workspace/run.sh 755 #!/bin/sh\n", "workspace/views/ 755 ", "workspace/views/deep/ 755 ", "workspace/views/deep/a.html 644 <p>", "workspace/z.txt 644 "}
			if !slices.Equal(got, want) {
				t.Errorf("the layer holds %q, want %q", got, want)
			}
		})
	}
}

func unpacked(t *testing.T, l v1.Layer) []string {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(epoch()) || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s is of %s and of %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %o %s", h.Name, h.Mode, data))
	}
}

func TestWhatIsThereIsNotSentAgain(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.DockerManifestSchema2, "/public/base:1")
	base, err := r.Pin(t.Context(), s.host+"/public/base:1", s.host+"/mine/base", "node")
	if err != nil {
		t.Fatal(err)
	}
	s.sent()
	recipe := Recipe{Base: base, Artifact: packed(t, map[string]string{"a": "1"}), Folder: "/workspace", Command: []string{"node", "a"}}
	first, err := r.Push(t.Context(), s.host+"/mine/api", recipe)
	if err != nil {
		t.Fatal(err)
	}
	if blobs, manifests := s.sent(); blobs != 2 || manifests != 1 { // the layer and the configuration
		t.Errorf("%d blobs and %d manifests were sent for a new image", blobs, manifests)
	}
	again, err := r.Push(t.Context(), s.host+"/mine/api", recipe)
	if err != nil || again != first {
		t.Errorf("%s became %s: %v", first, again, err)
	}
	if blobs, manifests := s.sent(); blobs+manifests != 0 {
		t.Errorf("%d blobs and %d manifests were sent for an image that is there", blobs, manifests)
	}
	other, err := r.Push(t.Context(), s.host+"/mine/web", recipe)
	if err != nil || digestOf(other) != digestOf(first) {
		t.Errorf("one recipe made %s and %s: %v", first, other, err)
	}
	if blobs, _ := s.sent(); blobs != 0 {
		t.Errorf("%d blobs were sent for another function of the same package", blobs)
	}
	recipe.Artifact = packed(t, map[string]string{"a": "2"})
	if changed, err := r.Push(t.Context(), s.host+"/mine/api", recipe); err != nil || changed == first {
		t.Errorf("another package made %s: %v", changed, err)
	}
}

func TestABaseStaysAsItIsUntilItsCopyGoes(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.DockerManifestSchema2, "/public/base:1")
	pin := func() string {
		t.Helper()
		at, err := r.Pin(t.Context(), s.host+"/public/base:1", s.host+"/mine/base", "node")
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := pin()
	s.base(t, types.DockerManifestSchema2, "/public/base:1") // the source is another image now
	if again := pin(); again != first {
		t.Errorf("the base moved from %s to %s", first, again)
	}
	if err := r.Delete(t.Context(), first, "node"); err != nil {
		t.Fatal(err)
	}
	if now := pin(); now == first {
		t.Error("a copy that went was not made anew from the source")
	}
}

func TestAnEditionIsTheImageForThePlatformAndIsCopiedOnce(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.OCIManifestSchema1, "/google/amd64:1")
	ref, err := name.ParseReference(s.host + "/google/amd64:1")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := random.Image(1<<10, 1)
	if err != nil {
		t.Fatal(err)
	}
	several := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: theirs, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: ours, Descriptor: v1.Descriptor{Platform: &r.Platform}},
	)
	source := s.host + "/google/node:24"
	if ref, err = name.ParseReference(source); err == nil {
		err = remote.WriteIndex(ref, several)
	}
	if err != nil {
		t.Fatal(err)
	}
	edition, err := r.Newest(t.Context(), source)
	digest, unread := ours.Digest()
	if err != nil || unread != nil || edition != source+"@"+digest.String() {
		t.Fatalf("the newest is %s, not %s: %v", edition, digest, errors.Join(err, unread))
	}
	at := s.host + "/mine/base"
	first, err := r.PinEdition(t.Context(), edition, at, "node24")
	if err != nil || first != at+"@"+digest.String() {
		t.Fatalf("the copy is %s: %v", first, err)
	}
	if chosen, err := r.Edition(t.Context(), at+":node24"); err != nil || chosen != digest.String() {
		t.Errorf("chosen is %s: %v", chosen, err)
	}
	s.sent()
	if again, err := r.PinEdition(t.Context(), edition, at, "node24"); again != first || err != nil {
		t.Errorf("then the copy is %s: %v", again, err)
	}
	if _, manifests := s.sent(); manifests > 0 {
		t.Error("it was copied again")
	}
	if _, err := r.Newest(t.Context(), s.host+"/google/node:25"); !errors.Is(err, providers.NotFound) {
		t.Errorf("of an image that is not there: %v", err)
	}
}

func TestADamagedPackageMakesNoImage(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.DockerManifestSchema2, "/public/base:1")
	a := packed(t, map[string]string{"a": "1"})
	a.ZipDigest = "sha256:" + strings.Repeat("0", 64)
	if at, err := r.Push(t.Context(), s.host+"/mine/api", Recipe{Base: s.host + "/public/base:1", Artifact: a, Folder: "/workspace"}); !errors.Is(err, packager.ErrDamaged) {
		t.Errorf("it became %s: %v", at, err)
	}
}

func TestImagesGoOneByOneAndAllAtOnce(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.DockerManifestSchema2, "/public/base:1")
	var made []string
	var tags []string
	for _, content := range []string{"1", "2", "3"} {
		recipe := Recipe{Base: s.host + "/public/base:1", Artifact: packed(t, map[string]string{"a": content}), Folder: "/workspace"}
		at, err := r.Push(t.Context(), s.host+"/mine/api", recipe)
		if err != nil {
			t.Fatal(err)
		}
		made, tags = append(made, at), append(tags, recipe.Tag())
	}
	has := func() (there []bool) {
		t.Helper()
		for _, at := range made {
			ok, err := r.Has(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			there = append(there, ok)
		}
		return there
	}
	if err := errors.Join(r.Delete(t.Context(), made[1], tags[1]), r.Delete(t.Context(), made[1], tags[1])); err != nil {
		t.Error(err)
	}
	if got := has(); !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("after one was deleted: %v", got)
	}
	if err := errors.Join(r.Clear(t.Context(), s.host+"/mine/api"), r.Clear(t.Context(), s.host+"/mine/api"), r.Clear(t.Context(), s.host+"/never/made")); err != nil {
		t.Error(err)
	}
	if got := has(); slices.Contains(got, true) {
		t.Errorf("after all were: %v", got)
	}
}

func TestHowMuchWasSentIsTold(t *testing.T) {
	s, r := newShelf(t)
	s.base(t, types.DockerManifestSchema2, "/public/base:1")
	var mu sync.Mutex
	var told []string
	ctx := providers.WithStages(t.Context(), func(stage string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, stage)
	})
	if _, err := r.Pin(ctx, s.host+"/public/base:1", s.host+"/mine/base", "node"); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(told, func(s string) bool {
		return strings.HasPrefix(s, "copying the base image: ") && strings.Contains(s, " of 3 MB")
	}) {
		t.Errorf("told was %q", told)
	}
}

func TestAnImageThatIsInterruptedSaysSo(t *testing.T) {
	s, r := newShelf(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Has(ctx, s.host+"/mine/api:x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func digestOf(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}
