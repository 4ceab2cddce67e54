//go:build unix

package packager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// subjects are a function of each language whose package a test can change.
func subjects() map[string]struct {
	fn    manifest.Function
	files []string
	edit  string
} {
	return map[string]struct {
		fn    manifest.Function
		files []string
		edit  string
	}{
		"python": {packagertest.Python("app:app"), []string{"app.py", "app = 1\n", "lib/a.txt", "one"}, "lib/a.txt"},
		"node":   {packagertest.Node("app.js"), []string{"app.js", "import t from './lib/a.txt'; export default t", "lib/a.txt", "one"}, "lib/a.txt"},
		"custom": {manifest.Function{Name: "c", Source: ".", Handler: "run", Runtime: "custom"}, []string{"run", "#!/bin/sh\n", "lib/a.txt", "one"}, "run"},
	}
}

func TestOnlyWhatChangedIsBuiltAgain(t *testing.T) {
	t.Parallel()
	changes := []struct {
		name   string
		change func(t *testing.T, root, file string)
		hit    bool
	}{
		{"nothing", func(*testing.T, string, string) {}, true},
		{"a new time stamp", func(t *testing.T, _, file string) {
			now := time.Now()
			if err := os.Chtimes(file, now, now); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"the same content in a new file", func(t *testing.T, _, file string) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			packagertest.Write(t, file+".tmp", string(data))
			if err := os.Rename(file+".tmp", file); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"other content", func(t *testing.T, _, file string) { packagertest.Write(t, file, "#!/bin/sh\n#2") }, false},
		{"a removed file", func(t *testing.T, _, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for language, s := range subjects() {
		for _, c := range changes {
			t.Run(language+", "+c.name, func(t *testing.T) {
				root := packagertest.Project(t, s.files...)
				p := newPackager(t, root)
				first := build(t, p, s.fn)
				if first.Cached {
					t.Error("the first build was a hit")
				}
				c.change(t, root, filepath.Join(root, s.edit))
				second, err := (&Packager{Root: root, Cache: p.Cache}).Build(t.Context(), s.fn, packagertest.Local(s.fn.Runtime))
				if hit := err == nil && second.Cached; hit != c.hit {
					t.Errorf("hit is %v, want %v (%v)", hit, c.hit, err)
				}
				if c.hit && (second.Path != first.Path || second.Digest != first.Digest) {
					t.Errorf("got %+v after %+v", second, first)
				}
			})
		}
	}
}

func TestAnAddedFileIsSeen(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "lib/a.txt", "")
	p := newPackager(t, root)
	build(t, p, packagertest.Server("main.py"))
	packagertest.Write(t, filepath.Join(root, "lib/b.txt"), "")
	if a := build(t, p, packagertest.Server("main.py")); a.Cached || a.Files != 3 {
		t.Errorf("got %+v", a)
	}
}

func TestARetargetedSymlinkIsSeen(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "one", "1", "two", "2")
	link := filepath.Join(root, "link")
	if err := os.Symlink("one", link); err != nil {
		t.Fatal(err)
	}
	packagertest.Age(t, root)
	p := newPackager(t, root)
	build(t, p, packagertest.Server("main.py"))
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("two", link); err != nil {
		t.Fatal(err)
	}
	if a := build(t, p, packagertest.Server("main.py")); contents(t, a)["link"] != "2" {
		t.Error("the package has the old target")
	}
}

func TestABundleOfWhatWasSavedAMomentAgoIsBuiltOnce(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "export default { fetch: () => new Response() }")
	soon := time.Now().Add(time.Hour) // a stamp that no build can tell from one of its own time
	if err := os.Chtimes(filepath.Join(root, "app.js"), soon, soon); err != nil {
		t.Fatal(err)
	}
	p := newPackager(t, root)
	build(t, p, packagertest.Node("app.js"))
	if !build(t, p, packagertest.Node("app.js")).Cached {
		t.Error("it was built twice")
	}
}

func TestAChangeWithinTheSameTimeStampIsSeen(t *testing.T) {
	t.Parallel()
	for language, s := range subjects() {
		t.Run(language, func(t *testing.T) {
			root := packagertest.Project(t, s.files...)
			file := filepath.Join(root, s.edit)
			stamp := time.Now()
			if err := os.Chtimes(file, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			p := newPackager(t, root)
			before := build(t, p, s.fn)
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)-1] = '?'
			f, err := os.OpenFile(file, os.O_WRONLY, 0) // the same inode and size
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(data); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if err := os.Chtimes(file, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			if after := build(t, p, s.fn); after.Cached || after.Digest == before.Digest {
				t.Error("the change was not seen")
			}
		})
	}
}

func TestWhatThePackageIsForIsPartOfTheKey(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", fetchHandler)
	p := newPackager(t, root)
	fn := packagertest.Node("app.js")
	build(t, p, fn)
	other := fn
	other.Env, other.Memory, other.Name = map[string]string{"A": "b"}, 1, "other"
	if !build(t, p, other).Cached {
		t.Error("what does not enter a package made it be built again")
	}
	other.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Path: "/x"}}}
	if build(t, p, other).Cached {
		t.Error("a route, which the shim holds, did not")
	}
	pl := packagertest.Local("nodejs22")
	a, err := p.Build(t.Context(), fn, pl)
	if err != nil || a.Cached {
		t.Errorf("another runtime was a hit, %v", err)
	}
}

func TestNoCacheBuildsAndStores(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	p := newPackager(t, root)
	p.NoCache = true
	build(t, p, packagertest.Server("main.py"))
	if build(t, p, packagertest.Server("main.py")).Cached {
		t.Error("the cache was used")
	}
	p.NoCache = false
	if !build(t, p, packagertest.Server("main.py")).Cached {
		t.Error("what was built is not in the cache")
	}
}

func TestAMissingOrTruncatedPackageIsBuiltAgain(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	p := newPackager(t, root)
	a := build(t, p, packagertest.Server("main.py"))
	for _, spoil := range []func() error{func() error { return os.Remove(a.Path) }, func() error { return os.Truncate(a.Path, 5) }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		again := build(t, p, packagertest.Server("main.py"))
		if info, err := os.Stat(again.Path); again.Cached || err != nil || info.Size() != a.Size {
			t.Errorf("got %+v, %v", again, err)
		}
	}
}

func TestASpoiledEntryIsNoHit(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	p := newPackager(t, root)
	build(t, p, packagertest.Server("main.py"))
	for _, e := range readDir(filepath.Join(p.Cache, "entries")) {
		packagertest.Write(t, filepath.Join(p.Cache, "entries", e.Name()), `{"artifact":`)
	}
	if build(t, p, packagertest.Server("main.py")).Cached {
		t.Error("a spoiled entry was a hit")
	}
}

func TestACacheThatCannotBeWrittenIsAClearError(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	file := filepath.Join(t.TempDir(), "file")
	packagertest.Write(t, file, "")
	p := &Packager{Root: root, Cache: filepath.Join(file, "cache")}
	if os.Getuid() != 0 {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		p.Cache = filepath.Join(dir, "cache")
	}
	e := failure(t, p, packagertest.Server("main.py"))
	packagertest.Contains(t, e.Message, "build cache in "+p.Cache, "cannot be written")
	packagertest.Contains(t, e.Hint, "FERRY_HOME")
}

func TestTheCacheIsBoundedAndKeepsWhatIsInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := cache{dir: dir}
	for i, hours := range []int{50, 30, 20, 0, 0} {
		path := filepath.Join(dir, "artifacts", fmt.Sprint(i))
		packagertest.Write(t, path, strings.Repeat("x", 100))
		old := time.Now().Add(-time.Duration(hours) * time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	packagertest.Write(t, filepath.Join(dir, "tmp", "lately"), "")
	left := func() (names []string) {
		for _, e := range readDir(filepath.Join(dir, "artifacts")) {
			names = append(names, e.Name())
		}
		return names
	}
	c.evict(500)
	packagertest.Equal(t, len(left()), 5)
	c.evict(350)
	packagertest.Equal(t, left(), []string{"2", "3", "4"})
	c.evict(10)
	packagertest.Equal(t, left(), []string{"3", "4"})
	if !source.Exists(filepath.Join(dir, "tmp", "lately")) {
		t.Error("work in progress was taken away")
	}
}

func TestABuildCommandRunsOnceAndWhenSourcesChange(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "src.txt", "1", ".ferryignore", "ran\n")
	p := newPackager(t, root)
	fn := packagertest.Server("main.py")
	fn.Build.Command = "echo x >> ran; cp src.txt main.py"
	ran := func() int {
		data, err := os.ReadFile(filepath.Join(root, "ran"))
		if err != nil {
			t.Fatal(err)
		}
		return len(data) / 2
	}
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			one := fn
			one.Build.Include = []string{"src*", "src.txt", "*.txt", "s*", "sr*"}[i : i+1]
			if _, err := p.Build(t.Context(), one, packagertest.Local("python3.11")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	packagertest.Equal(t, ran(), 1)
	if a := build(t, p, fn); contents(t, a)["main.py"] != "1" || ran() != 1 {
		t.Errorf("it ran %d times", ran())
	}
	if !build(t, p, fn).Cached {
		t.Error("what the command wrote made it stale")
	}
	packagertest.Fill(t, root, "src.txt", "2")
	if a := build(t, p, fn); contents(t, a)["main.py"] != "2" || ran() != 2 {
		t.Errorf("a change of the sources was not seen, it ran %d times", ran())
	}
}

func TestAFailedBuildCommandShowsWhatItSaid(t *testing.T) {
	t.Parallel()
	fn := packagertest.Server("main.py")
	fn.Build.Command = "echo making >&2; echo 'no rule to make x'; exit 3"
	e := failure(t, newPackager(t, packagertest.Project(t, "main.py", "")), fn)
	packagertest.Contains(t, e.Message, "exit 3", "making", "no rule to make x", "exit status 3")
}

func TestManyBuildsAtOnceAgree(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "data.txt", strings.Repeat("x", 1<<20))
	p := newPackager(t, root)
	fns := []manifest.Function{packagertest.Server("main.py"), packagertest.Python("main:app")}
	var group sync.WaitGroup
	var mu sync.Mutex
	built := map[string]int{}
	for i := range 20 {
		group.Go(func() {
			one := &Packager{Root: root, Cache: p.Cache}
			if i%2 == 0 {
				one = p
			}
			a, err := one.Build(t.Context(), fns[i%4/2], packagertest.Local("python3.11"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !a.Cached {
				built[a.ZipDigest]++
			}
		})
	}
	group.Wait()
	if len(built) != 2 {
		t.Errorf("got %v", built)
	}
	for digest, n := range built {
		if n != 1 {
			t.Errorf("%s was built %d times", digest, n)
		}
	}
}

func TestAnEntryThatIsStampedAgainIsNeverAbsent(t *testing.T) {
	t.Parallel()
	c := cache{dir: t.TempDir()}
	if err := c.write("key", entry{}); err != nil {
		t.Fatal(err)
	}
	stamped := make(chan error, 1)
	go func() {
		var err error
		for i := range 500 {
			err = errors.Join(err, c.write("key", entry{Recorded: int64(i)}))
		}
		stamped <- err
	}()
	for len(stamped) == 0 {
		if _, err := c.read("key"); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-stamped; err != nil {
		t.Error(err)
	}
}

const childVariable = "PACKAGER_TEST_CHILD"

func TestSeveralProcessesBuildOnce(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childVariable); dir != "" {
		a, err := (&Packager{Root: filepath.Join(dir, "tree"), Cache: filepath.Join(dir, "cache")}).Build(context.Background(), packagertest.Server("main.py"), packagertest.Local("python3.11"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("built %v %s\n", !a.Cached, a.ZipDigest)
		return
	}
	dir := t.TempDir()
	packagertest.Fill(t, filepath.Join(dir, "tree"), "main.py", "", "big", strings.Repeat("some text", 1<<20))
	var group sync.WaitGroup
	said := make([]string, 4)
	for i := range said {
		group.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSeveralProcessesBuildOnce$")
			cmd.Env = append(os.Environ(), childVariable+"="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			said[i], _, _ = strings.Cut(string(out), "\n")
		})
	}
	group.Wait()
	slices.Sort(said)
	packagertest.Contains(t, said[3], "built true")
	for _, line := range said[:3] {
		packagertest.Contains(t, line, "built false", strings.Fields(said[3])[2])
	}
}

func TestWhatAKilledProcessLeftDoesNoHarm(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	p := newPackager(t, root)
	old := time.Now().Add(-48 * time.Hour)
	left := filepath.Join(p.Cache, "tmp", "123", "zip")
	packagertest.Write(t, left, "half")
	if err := os.Chtimes(filepath.Dir(left), old, old); err != nil {
		t.Fatal(err)
	}
	packagertest.Write(t, filepath.Join(p.Cache, "locks", "00"), "")
	build(t, p, packagertest.Server("main.py"))
	if source.Exists(left) {
		t.Error("leftovers are kept for ever")
	}
}

func BenchmarkOneHundredUnchangedFunctions(b *testing.B) {
	files := []string{}
	fns := make([]manifest.Function, 100)
	for i := range fns {
		name := fmt.Sprintf("src/f%d.js", i)
		files = append(files, name, "import x from '../lib/x.js'; export default { fetch() { return x } }")
		fns[i] = packagertest.Node(name)
	}
	root := packagertest.Project(b, append(files, "lib/x.js", "export default 1", "package.json", "{}")...)
	benchmarkUnchanged(b, root, fns)
}

func BenchmarkOneHundredUnchangedFunctionsOfATreeOf100Files(b *testing.B) {
	files := []string{}
	fns := make([]manifest.Function, 100)
	for i := range fns {
		files = append(files, fmt.Sprintf("f%d.py", i), "")
		fns[i] = packagertest.Python(fmt.Sprintf("f%d:app", i))
	}
	root := packagertest.Project(b, files...)
	benchmarkUnchanged(b, root, fns)
}

func benchmarkUnchanged(b *testing.B, root string, fns []manifest.Function) {
	b.Helper()
	p := newPackager(b, root)
	for _, fn := range fns {
		build(b, p, fn)
	}
	for b.Loop() {
		for _, a := range buildAll(b, anew(p), fns) {
			if !a.Cached {
				b.Fatal("no hit")
			}
		}
	}
}

func TestAnEntryReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	want := entry{Artifact: Artifact{Description: Description{Digest: "sha256:1", Files: 2}}, Recorded: 3, Inputs: []source.Input{
		{Path: "/a", Kind: "d", MTime: 4, Inode: 1 << 63, Sum: "ff"},
		{Path: "/a/b c", Kind: "f", Size: 5, MTime: -6, Sum: "00"},
		{Path: "/a/b\n\"d", Kind: "l", Sum: "1"},
		{Path: "", Kind: "f", Sum: "2"},
	}}
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Equal(t, got, want)
	for n := range data[:len(data)-4] {
		if half, err := decodeEntry(data[:n]); err == nil && len(half.Inputs) == len(want.Inputs) {
			t.Errorf("%d of %d bytes are taken for a whole entry", n, len(data))
		}
	}
}

func BenchmarkOneHundredFunctionsOfATreeOf400Files(b *testing.B) {
	files := []string{}
	fns := make([]manifest.Function, 100)
	for i := range fns {
		files = append(files, fmt.Sprintf("f%d.py", i), "app = 1\n")
		fns[i] = packagertest.Python(fmt.Sprintf("f%d:app", i))
	}
	for i := range 300 {
		files = append(files, fmt.Sprintf("lib/m%d.py", i), strings.Repeat("def f(a, b):\n    return a * 1 + b\n\n", 40))
	}
	root := packagertest.Project(b, files...)
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				buildAll(b, newPackager(b, root), fns[:n])
			}
		})
	}
}
