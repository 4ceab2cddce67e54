package packager

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// saved packages a function, saves it, and returns a packager that takes it from there.
func saved(t *testing.T, root string, fn manifest.Function) (*Packager, Bill) {
	t.Helper()
	b, err := newPackager(t, root).Bill(t.Context(), fn, packagertest.Local(fn.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "artifacts")
	if b, err = Save(b, dir); err != nil {
		t.Fatal(err)
	}
	return &Packager{Root: filepath.Join(root, "elsewhere"), From: dir}, b
}

func TestASavedPackageIsTakenWithoutSources(t *testing.T) {
	t.Parallel()
	p, b := saved(t, packagertest.Project(t, "app.js", fetchHandler), packagertest.Node("app.js"))
	got := build(t, p, packagertest.Node("app.js"))
	if got.Path != b.Artifact.Path || !got.Cached || got.Digest != b.Artifact.Digest || got.Entry != "ferry-entry.mjs" {
		t.Errorf("got %+v, saved was %+v", got, b.Artifact)
	}
	packagertest.Equal(t, len(readDir(p.From)), 2)
}

func TestASavedPackageMustBeWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil   func(t *testing.T, dir string, fn *manifest.Function, pl *Platform)
		message string
	}{
		"another platform": {func(_ *testing.T, _ string, _ *manifest.Function, pl *Platform) { pl.Arch = "sparc" }, "was packaged for local"},
		"other settings": {func(_ *testing.T, _ string, fn *manifest.Function, _ *Platform) {
			fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/x"}}}
		}, "other settings"},
		"another function": {func(_ *testing.T, _ string, fn *manifest.Function, _ *Platform) { fn.Name = "web" }, "holds no package of web"},
		"no package": {func(t *testing.T, dir string, _ *manifest.Function, _ *Platform) {
			if err := os.Remove(filepath.Join(dir, "api.zip")); err != nil {
				t.Fatal(err)
			}
		}, "holds no package of api"},
		"a changed package": {func(t *testing.T, dir string, _ *manifest.Function, _ *Platform) {
			data, err := os.ReadFile(filepath.Join(dir, "api.zip"))
			if err != nil {
				t.Fatal(err)
			}
			data[60]++
			packagertest.Write(t, filepath.Join(dir, "api.zip"), string(data))
		}, "is not the package that api.json describes"},
		"another bill": {func(t *testing.T, dir string, _ *manifest.Function, _ *Platform) {
			packagertest.Write(t, filepath.Join(dir, "api.json"), "{}x")
		}, "is not what ferry package writes"},
	} {
		t.Run(name, func(t *testing.T) {
			fn, pl := packagertest.Node("app.js"), packagertest.Local("nodejs20")
			p, _ := saved(t, packagertest.Project(t, "app.js", fetchHandler), fn)
			c.spoil(t, p.From, &fn, &pl)
			_, err := p.Build(t.Context(), fn, pl)
			e := packagertest.Problem(t, err)
			packagertest.Contains(t, e.Message, c.message)
			packagertest.Contains(t, e.Hint, "ferry package")
		})
	}
}

func TestABillSaysWhatWentIn(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src/app.js", "import a from 'a'; import b from './b.js'; export default { a, b, fetch() {} }", "src/b.js", "export default 1",
		"node_modules/a/package.json", `{"name":"a","version":"1.2.3"}`, "node_modules/a/index.js", "module.exports = 1", "package.json", "{}",
		"tsconfig.json", "{}", "node_modules/a/tsconfig.json", "{}") // of a package's, esbuild reads none
	p := newPackager(t, root)
	for _, cached := range []bool{false, true} {
		b, err := p.Bill(t.Context(), packagertest.Node("src/app.js"), packagertest.Local("nodejs20"))
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, i := range b.Inputs {
			paths = append(paths, i.Path)
			if len(i.Digest) != 71 {
				t.Errorf("got %+v", i)
			}
		}
		packagertest.Equal(t, paths, []string{"node_modules/a/index.js", "node_modules/a/package.json", "package.json", "src/app.js", "src/b.js", "tsconfig.json"})
		packagertest.Equal(t, b.Packages, []source.Package{{Type: "npm", Name: "a", Version: "1.2.3"}})
		if b.Artifact.Cached != cached || b.Function != "api" || !strings.Contains(string(b.Metafile), "src/b.js") {
			t.Errorf("got %+v", b)
		}
	}
}

func TestEveryFileCanBeExplained(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app/src/app.js", "import a from 'a'; import b from './b.js'; export default { a, b, fetch() {} }", "app/src/b.js", "export default 1",
		"app/node_modules/a/package.json", `{"name":"a"}`, "app/node_modules/a/index.js", "module.exports = require('./deep')", "app/node_modules/a/deep.js", "",
		"app/node_modules/x/package.json", `{"name":"x"}`, "app/package.json", "{}", "app/views/v.html", "", "app/.env", "", "app/old.js", "", "outside", "")
	fn := packagertest.Node("src/app.js")
	fn.Source = "app"
	fn.Build.Include, fn.Build.External = []string{"views/**"}, []string{"x"}
	for file, want := range map[string]string{
		"src/app.mjs":                 "in: it is the bundle of src/app.js",
		"src/b.js":                    "in: it is bundled: src/app.js imports src/b.js",
		"node_modules/a/deep.js":      "in: it is bundled: src/app.js imports node_modules/a/index.js imports node_modules/a/deep.js",
		"node_modules/x/package.json": "in: it belongs to the Node package x, which stays out of the bundle",
		"views/v.html":                `in: build.include: "views/**" takes it in`,
		"ferry-entry.mjs":             "in: it is ferry's entry shim for local",
		"package.json":                "out: it decides what goes in",
		"old.js":                      "out: the handler imports nothing that leads to it",
		".env":                        "out: .env looks like a secret",
		"../outside":                  "out: it is outside",
		"gone":                        "out: there is no such file",
	} {
		checkExplained(t, root, fn, file, want)
	}
	root = packagertest.Project(t, "main.py", "", "lib/a.txt", "", "lib/b.txt", "", ".git/x", "", "lib/.ferryignore", "# no\n*.txt\n!a.txt\n", "tests/t.py", "")
	fn = packagertest.Server("main.py")
	fn.Build.Exclude = []string{"tests"}
	for file, want := range map[string]string{
		"main.py": "in: it is the handler", "lib/a.txt": "in: it is in the source folder",
		"lib/b.txt":  `out: lib/.ferryignore:2: "*.txt" leaves lib/b.txt out`,
		"tests/t.py": `out: build.exclude: "tests" leaves tests out`,
		".git/x":     "out: .git never goes into a package",
	} {
		checkExplained(t, root, fn, file, want)
	}
}

func checkExplained(t *testing.T, root string, fn manifest.Function, file, want string) {
	t.Helper()
	for _, name := range []string{file, filepath.Join(root, fn.Source, file)} {
		x, err := newPackager(t, root).Explain(t.Context(), fn, packagertest.Local(fn.Runtime), name)
		if err != nil {
			t.Fatal(err)
		}
		got := map[bool]string{true: "in: ", false: "out: "}[x.In] + x.Why
		if x.File != file || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s %q, want %q", name, x.File, got, want)
		}
	}
}

func TestAListHasTheBiggestFirst(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "#!x", "big.txt", strings.Repeat("x", 1000), "mid.txt", "1234")
	entries, err := List(build(t, newPackager(t, root), packagertest.Server("main.py")))
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Equal(t, entries, []Entry{{"big.txt", 1000, 11, false}, {"mid.txt", 4, 11, false}, {"main.py", 3, 10, true}})
	if !slices.IsSortedFunc(entries, func(a, b Entry) int { return int(b.Size - a.Size) }) {
		t.Error("not sorted")
	}
}

func TestWhatIsSaidOfASavedPackageMustBeSo(t *testing.T) {
	t.Parallel()
	fn := packagertest.Node("app.js")
	for field, value := range map[string]string{"size": "1", "unzipped": "1", "files": "77", "entry": `"elsewhere.mjs"`} {
		p, _ := saved(t, packagertest.Project(t, "app.js", fetchHandler), fn)
		file := filepath.Join(p.From, "api.json")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		is := regexp.MustCompile(`"` + field + `": [^,\n]+`)
		packagertest.Write(t, file, string(is.ReplaceAll(data, []byte(`"`+field+`": `+value)))) // of the package; inputs follow it
		e := failure(t, p, fn)
		packagertest.Contains(t, e.Message, "is not the package that api.json describes")
		packagertest.Contains(t, e.Hint, "package it again")
	}
}

// TestABillSaysWhatWasPackedAfterQuickEdits edits faster than time stamps tell, and keeps the size.
func TestABillSaysWhatWasPackedAfterQuickEdits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fn   manifest.Function
		file string
		code string
	}{
		"bundled":  {packagertest.Node("app.js"), "app.js", "export default { fetch() { return new Response('%d') } }\n"},
		"imported": {packagertest.Node("app.js"), "part.js", "export const part = '%d'\n"},
		"packed":   {packagertest.Server("main.py"), "main.py", "print(%d)\n"},
		"compiled": {packagertest.Go("."), "part.go", "package api\n\nvar Part = %d\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "api.go", goHandler, "main.py", "",
				"app.js", "import { part } from './part.js'; export default { fetch() { return new Response(part) } }", "part.js", "export const part = 0")
			p := newPackager(t, root)
			for n := range 4 {
				source := fmt.Sprintf(c.code, n)
				packagertest.Write(t, filepath.Join(root, c.file), source)
				b, err := anew(p).Bill(t.Context(), c.fn, packagertest.Local(c.fn.Runtime))
				if err != nil {
					t.Fatal(err)
				}
				want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(source)))
				at := slices.IndexFunc(b.Inputs, func(i Input) bool { return i.Path == c.file })
				if at < 0 || b.Inputs[at].Digest != want {
					t.Fatalf("edit %d: the bill names %+v, want %s", n, b.Inputs, want)
				}
				if packed := strings.Join(slices.Collect(maps.Values(contents(t, b.Artifact))), "\n"); c.fn.Runtime != "go" && !strings.Contains(packed, fmt.Sprint(n)) {
					t.Fatalf("edit %d is not in the package", n)
				}
			}
		})
	}
}

func TestWhatChangesWhileAToolReadsItIsNoBill(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "export default { fetch() {} }\n", "part.txt", "before")
	in := source.NewRecorder(&source.Hashes{})
	if err := in.File(filepath.Join(root, "part.txt")); err != nil {
		t.Fatal(err)
	}
	if in.Settle() {
		t.Error("what did not change is torn")
	}
	packagertest.Write(t, filepath.Join(root, "part.txt"), "behind")
	if !in.Settle() || in.Sure() {
		t.Error("a change while the package was made is not seen")
	}
}

func TestSavedPackagesKeepWhatTheyWereMadeFromWhateverTheirDigest(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", fetchHandler)
	p := newPackager(t, root)
	b, err := p.Bill(t.Context(), packagertest.Node("app.js"), packagertest.Local("nodejs20"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "artifacts")
	from := &Packager{Root: root, From: dir}
	var digests []string
	for _, made := range []Provenance{
		{Commit: "aaa", Dirty: true, Ferry: "1.0", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, {Commit: "bbb", Ferry: "1.1"},
	} {
		b.Provenance = made
		if _, err := Save(b, dir); err != nil {
			t.Fatal(err)
		}
		got := build(t, from, packagertest.Node("app.js"))
		if got.Made == nil || *got.Made != made {
			t.Errorf("got %+v, want %+v", got.Made, made)
		}
		digests = append(digests, got.Digest+got.ZipDigest)
		text, err := os.ReadFile(filepath.Join(dir, "api.json"))
		if err != nil {
			t.Fatal(err)
		}
		packagertest.Contains(t, string(text), `"commit": "`+made.Commit+`"`, fmt.Sprintf(`"dirty": %v`, made.Dirty), `"ferry": "`+made.Ferry+`"`)
	}
	packagertest.Equal(t, digests[0], digests[1])
}

func TestSavedPackagesAreNoInput(t *testing.T) {
	t.Parallel()
	for _, place := range []string{".", "artifacts", "build/out"} {
		t.Run(place, func(t *testing.T) {
			root := packagertest.Project(t, "main.py", "", "data.json", "{}", "data.zip", "no package", "build/kept.txt", "")
			p, fn := newPackager(t, root), packagertest.Server("main.py")
			first := build(t, p, fn)
			var last Bill
			for range 3 {
				b, err := anew(p).Bill(t.Context(), fn, packagertest.Local(fn.Runtime))
				if err != nil {
					t.Fatal(err)
				}
				if last, err = Save(b, filepath.Join(root, place)); err != nil {
					t.Fatal(err)
				}
				packagertest.Age(t, root)
			}
			if last.Artifact.Digest != first.Digest || !build(t, p, fn).Cached {
				t.Errorf("%+v differs from %+v", last.Artifact, first)
			}
			packagertest.Equal(t, slices.Sorted(maps.Keys(contents(t, last.Artifact))), []string{"build/kept.txt", "data.json", "data.zip", "main.py"})
			for _, name := range []string{"api.zip", "api.json"} {
				checkExplained(t, root, fn, path.Join(place, name), "out: `ferry package` saved it there")
			}
			packagertest.Write(t, filepath.Join(root, place, "api.json"), "{}") // it is the user's now
			packagertest.Equal(t, len(contents(t, build(t, p, fn))), 6)
		})
	}
}

func TestWhatIsForReadersOfTheSourceIsNoInputUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "README.md", "", "Readme", "", "readme.py", "", "readme/a.txt", "", "docs/README.md", "",
		".gitignore", "", "docs/.gitignore", "")
	fn := packagertest.Server("main.py")
	packagertest.Equal(t, slices.Sorted(maps.Keys(contents(t, build(t, newPackager(t, root), fn)))),
		[]string{"docs/README.md", "main.py", "readme.py", "readme/a.txt"})
	checkExplained(t, root, fn, "README.md", `out: ferry's own rules: "/[Rr][Ee]`)
	fn.Build.Include = []string{"README.md"}
	packagertest.Write(t, filepath.Join(root, ".ferryignore"), "!docs/.gitignore\n")
	packagertest.Equal(t, slices.Sorted(maps.Keys(contents(t, build(t, newPackager(t, root), fn)))),
		[]string{"README.md", "docs/.gitignore", "docs/README.md", "main.py", "readme.py", "readme/a.txt"})
}
