package packager

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func FuzzPackageJSON(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	const dep = `{"name": "dep", "version": "1.0.0", "main": "index.js", "dependencies": {"other": "*"}, "os": "!win32", "exports": {"require": "./index.js"}}`
	f.Add(true, `{"type": "module", "dependencies": {"dep": "1"}}`, dep)
	f.Add(false, `{"dependencies": {"dep": "1", "../dep": "*", "": ""}, "optionalDependencies": {"none": "*"}}`, dep)
	f.Add(false, `{"dependencies": {"dep": "1"}, "peerDependencies": {"x": "1"}, "peerDependenciesMeta": {"x": {"optional": true}}}`, `{"os": ["linux", 1]}`)
	f.Add(true, `{"type": 1, "imports": {"#a": {}}}`, `[]`)
	f.Add(false, "", "{")
	cache := f.TempDir()
	f.Fuzz(func(t *testing.T, bundle bool, own, dep string) {
		if strings.Contains(own+dep, "node-gyp") || strings.Contains(own+dep, "prebuil") || strings.Contains(own+dep, "bindings") {
			t.Skip("npm would be asked for another platform's package")
		}
		root := packagertest.Project(t, "app.mjs", `import dep from "dep"; export default { fetch() { return new Response(dep) } }`, "package.json", own,
			"node_modules/dep/package.json", dep, "node_modules/dep/index.js", "module.exports = 'dep'", "dep/package.json", "{}")
		fn := packagertest.Node("app.mjs")
		fn.Build.Bundle = &bundle
		p := &Packager{Root: root, Cache: cache}
		a, err := p.Build(t.Context(), fn, packagertest.Local(fn.Runtime))
		if err != nil {
			if e := packagertest.Problem(t, err); e.Message == "" || e.Function != "api" {
				t.Fatalf("an error without words or a function: %+v", e)
			}
			return
		}
		list, err := List(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if !filepath.IsLocal(e.Name) {
				t.Fatalf("%q leads out of the package", e.Name)
			}
		}
		anew := &Packager{Root: root, Cache: cache, NoCache: true}
		if b, err := anew.Build(t.Context(), fn, packagertest.Local(fn.Runtime)); err != nil || b.Digest != a.Digest {
			t.Fatalf("another try gives another package: %v", err)
		}
	})
}

// FuzzSaved changes a saved package and what is said of it, each at one place: what is taken is what it says it is.
func FuzzSaved(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add(uint16(0), uint16(0), []byte(nil), uint16(0), byte(0))
	f.Add(uint16(0), uint16(9999), []byte("{}"), uint16(0), byte(0))
	f.Add(uint16(60), uint16(1), []byte("9"), uint16(0), byte(0))
	f.Add(uint16(0), uint16(0), []byte(nil), uint16(30), byte(1))
	f.Add(uint16(20), uint16(9999), []byte(nil), uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, at, cut uint16, insert []byte, zipAt uint16, damage byte) {
		p, b := saved(t, packagertest.Project(t, "run", "#!/bin/sh\n"), manifest.Function{
			Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleServer,
		})
		bill := filepath.Join(p.From, "api.json")
		was, err := os.ReadFile(bill)
		if err != nil {
			t.Fatal(err)
		}
		from := min(int(at), len(was))
		said := bytes.Join([][]byte{was[:from], insert, was[min(from+int(cut), len(was)):]}, nil)
		packed, err := os.ReadFile(b.Artifact.Path)
		if err != nil {
			t.Fatal(err)
		}
		packed[int(zipAt)%len(packed)] ^= damage
		if err := errors.Join(os.WriteFile(bill, said, 0o600), os.WriteFile(b.Artifact.Path, packed, 0o600)); err != nil {
			t.Fatal(err)
		}
		a, err := p.Build(t.Context(), manifest.Function{
			Name: "api", Source: ".", Handler: "run", Runtime: "custom", Style: manifest.StyleServer,
		}, packagertest.Local("custom"))
		if err != nil {
			if e := packagertest.OfUser(t, err); filepath.Base(e.File) != "api.json" && filepath.Base(e.File) != "api.zip" {
				t.Fatalf("the error names %s: %s", e.File, e.Message)
			}
			return
		}
		if damage != 0 {
			t.Fatal("a damaged package was taken")
		}
		b.Artifact.Cached = true
		want := b.Artifact
		if a.Path != want.Path || a.Digest != want.Digest || a.ZipDigest != want.ZipDigest || a.Size != want.Size ||
			a.Unzipped != want.Unzipped || a.Files != want.Files || a.Entry != want.Entry {
			t.Fatalf("taken as %+v, and it is %+v: %s", a, want, said)
		}
	})
}

func FuzzCacheEntry(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add([]byte(`{"artifact":{"digest":"sha256:a","zip_digest":"sha256:b","size":1},"recorded":5,"looks":["look-ab"]}`+"\n{}\nf 1 2 3 0 ab /a/b\nd 0 2 3 3 ab \"c\\nd\""), "/a b", "/a \"c\n")
	f.Add([]byte("{}\n\nf 1 2 3 9999999999 ab x"), "", "\xff")
	f.Add([]byte(`{"artifact":{"zip_digest":"sha256:../../../etc/passwd"},"looks":["../../x"]}`), "x", "x")
	f.Fuzz(func(t *testing.T, data []byte, path1, path2 string) {
		e := entry{Bill: "{}", Recorded: 7, Inputs: []source.Input{
			{Path: path1, Kind: "f", Size: 1, MTime: -2, Inode: 1 << 63, Sum: "ab"}, {Path: path2, Kind: "d", Sum: "cd"}, {Path: path1 + path2, Kind: "l", Sum: "e"},
		}}
		written, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeEntry(written); err != nil || !cmp.Equal(back, e) {
			t.Fatalf("what was written is read as something else, %v: %s", err, cmp.Diff(e, back))
		}
		c := cache{dir: t.TempDir(), hashes: &source.Hashes{}, checked: &source.Findings[bool]{}}
		packagertest.Write(t, c.entryPath("0123"), string(data))
		if a, ok := c.current("0123"); ok {
			path := c.artifactPath(a.Artifact.ZipDigest)
			if rel, err := filepath.Rel(filepath.Join(c.dir, "artifacts"), path); err != nil || !filepath.IsLocal(rel) {
				t.Fatalf("the package of %s lies at %s", data, path)
			}
			for _, key := range a.Looks {
				if !fs.ValidPath(key) || strings.Contains(key, "/") {
					t.Fatalf("the entry %s refers to %q", data, key)
				}
			}
		}
		decoded, err := decodeEntry(data)
		if err != nil {
			return
		}
		again, err := decoded.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeEntry(again); err != nil || !cmp.Equal(back, decoded) {
			t.Fatalf("an entry changes when it is written anew, %v: %s", err, cmp.Diff(decoded, back))
		}
	})
}
