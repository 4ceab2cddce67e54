package packager

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// pair are two functions of one source folder.
func pair(t *testing.T) (*Packager, []manifest.Function) {
	t.Helper()
	root := packagertest.Project(t, "a.py", "app = 1\n", "b.py", "app = 2\n", "lib/shared.py", "x = 1\n")
	return newPackager(t, root), []manifest.Function{packagertest.Python("a:app"), packagertest.Python("b:app")}
}

func TestFunctionsOfOneFolderSeeItAsItWasAtOneTime(t *testing.T) {
	t.Parallel()
	p, fns := pair(t)
	buildAll(t, p, fns[:1])
	packagertest.Write(t, filepath.Join(p.Root, "late.py"), "x = 1\n")
	if _, ok := contents(t, buildAll(t, p, fns)[1])["late.py"]; ok {
		t.Error("a file that came later is in the package")
	}
	for _, a := range buildAll(t, anew(p), fns) {
		if _, ok := contents(t, a)["late.py"]; !ok {
			t.Error("another run does not see the file")
		}
	}
}

func TestAChangeOfASharedFileIsAChangeOfAllFunctions(t *testing.T) {
	t.Parallel()
	p, fns := pair(t)
	buildAll(t, p, fns)
	for _, a := range buildAll(t, anew(p), fns) {
		if !a.Cached {
			t.Error("an unchanged function was built again")
		}
	}
	packagertest.Write(t, filepath.Join(p.Root, "lib", "shared.py"), "x = 2\n")
	for _, a := range buildAll(t, anew(p), fns) {
		if a.Cached || contents(t, a)["lib/shared.py"] != "x = 2\n" {
			t.Error("the change was not seen")
		}
	}
}

func TestWhatIsMissingOfALookIsBuiltAgain(t *testing.T) {
	t.Parallel()
	p, fns := pair(t)
	buildAll(t, p, fns)
	looks, err := filepath.Glob(filepath.Join(p.Cache, "entries", "look-*"))
	if err != nil || len(looks) != 1 {
		t.Fatalf("two functions of one folder have the looks %q, %v", looks, err)
	}
	if err := os.Remove(looks[0]); err != nil {
		t.Fatal(err)
	}
	for _, a := range buildAll(t, anew(p), fns) {
		if a.Cached {
			t.Error("a package is taken for current whose inputs are not known")
		}
	}
	for _, a := range buildAll(t, anew(p), fns) {
		if !a.Cached {
			t.Error("the look did not come back")
		}
	}
}

func TestABillNamesWhatFunctionsShare(t *testing.T) {
	t.Parallel()
	p, fns := pair(t)
	for range 2 {
		b, err := anew(p).Bill(t.Context(), fns[0], packagertest.Local(fns[0].Runtime))
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, in := range b.Inputs {
			names = append(names, in.Path)
		}
		packagertest.Equal(t, names, []string{"a.py", "b.py", "lib/shared.py"})
	}
}

func TestAFindingIsLookedForOnceAndAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	var f source.Findings[int]
	var calls atomic.Int32
	find := func() (int, error) {
		if calls.Add(1) == 1 {
			return 0, errors.New("not today")
		}
		return 7, nil
	}
	if _, err := f.Get(t.Context(), "k", find); err == nil {
		t.Fatal("the failure is lost")
	}
	if n, err := f.Get(t.Context(), "k", find); n != 7 || err != nil {
		t.Errorf("got %d, %v after a failure", n, err)
	}
	calls.Store(1)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if n, err := f.Get(t.Context(), "other", find); n != 7 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		})
	}
	group.Wait()
	if n := calls.Load(); n != 2 {
		t.Errorf("it was looked for %d times", n-1)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	go func() {
		_, _ = f.Get(context.Background(), "slow", func() (int, error) {
			close(begun)
			<-end
			return 0, nil
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Get(ctx, "slow", find); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v of who gave up waiting", err)
	}
}

func TestAFileIsCompressedOnceForAllThatNeedItAtATime(t *testing.T) {
	t.Parallel()
	var b blocks
	var calls atomic.Int32
	f := source.Generated("a.txt", []byte("hello"))
	squeeze := func(context.Context, *source.File) (*block, error) {
		if calls.Add(1) == 1 {
			return nil, errors.New("not today")
		}
		return &block{header: header{name: "a.txt"}, sum: "5"}, nil
	}
	if _, err := b.get(t.Context(), &f, squeeze); err == nil {
		t.Fatal("the failure is lost")
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if made, err := b.get(t.Context(), &f, squeeze); err != nil || made.sum != "5" {
				t.Errorf("got %v, %v", made, err)
			}
		})
	}
	group.Wait()
	if n := calls.Load(); n != 2 {
		t.Errorf("it was compressed %d times", n-1)
	}
	other := source.Generated("b.txt", []byte("hello"))
	if b.restore(&other) != nil {
		t.Error("a block was taken for a file of another name")
	}
}

func TestALargeFileIsCompressedOnceAndCopiedFromThePackageThatHoldsIt(t *testing.T) {
	t.Parallel()
	random := make([]byte, spillAt+1<<20)
	rand.Read(random)
	root := packagertest.Project(t, "a.py", "app = 1\n", "b.py", "app = 2\n", "large.bin", string(random[:blockLimit+1]), "huge.bin", string(random))
	p := newPackager(t, root)
	alone := buildAll(t, newPackager(t, root), []manifest.Function{packagertest.Python("b:app")})[0]
	buildAll(t, p, []manifest.Function{packagertest.Python("a:app")})
	for name := range map[string]int{"large.bin": 0, "huge.bin": 0} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if b := p.shared.blocks.restore(&source.File{Name: name, Path: filepath.Join(root, name), Info: info}); b == nil || b.zip == nil {
			t.Errorf("%s is not remembered", name)
		}
	}
	b := buildAll(t, p, []manifest.Function{packagertest.Python("b:app")})[0]
	if b.ZipDigest != alone.ZipDigest || contents(t, b)["huge.bin"] != string(random) {
		t.Error("what was copied is something else")
	}
}

func TestAPackageThatIsCutShortIsNotCopiedFrom(t *testing.T) {
	t.Parallel()
	short, err := os.Create(filepath.Join(t.TempDir(), "short.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	a := newArchive(io.Discard)
	defer a.rest()
	if _, err := a.add(&block{header: header{name: "a", packed: 5}, zip: short, at: 30}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestFunctionsShareTheBlocksOfAFileThatWasJustWritten(t *testing.T) {
	t.Parallel()
	var b blocks
	path := filepath.Join(t.TempDir(), "a.txt")
	packagertest.Write(t, path, "hello")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	now := &source.File{Name: "a.txt", Path: path, Info: info, In: source.NewRecorder(&source.Hashes{})}
	made := &block{header: header{name: "a.txt"}, read: time.Now()}
	squeeze := func(context.Context, *source.File) (*block, error) { return made, nil }
	if _, err := b.get(t.Context(), now, squeeze); err != nil {
		t.Fatal(err)
	}
	if b.restore(now) != made {
		t.Error("two packages of one look compress it twice")
	}
	later := *now
	later.In = source.NewRecorder(&source.Hashes{})
	if b.restore(&later) != nil {
		t.Error("a later look takes what may have changed within the time stamp")
	}
}

func TestAProgramThatOneFunctionMayHaveIsRefusedToOneForAnotherMachine(t *testing.T) {
	t.Parallel()
	program := append([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"), make([]byte, blockLimit)...)
	root := packagertest.Project(t, "a.py", "app = 1\n", "small.so", string(program[:100]), "large.so", string(program))
	p := newPackager(t, root)
	fn := packagertest.Python("a:app")
	pl := Platform{Shim: "aws", OS: "linux", Arch: "amd64", Runtime: fn.Runtime}
	if _, err := p.Build(t.Context(), fn, pl); err != nil {
		t.Fatal(err)
	}
	pl.Arch = "arm64"
	_, err := p.Build(t.Context(), fn, pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "large.so", "amd64")
	if err := os.Remove(filepath.Join(root, "large.so")); err != nil {
		t.Fatal(err)
	}
	p = anew(p)
	pl.Arch = "amd64"
	if _, err := p.Build(t.Context(), fn, pl); err != nil {
		t.Fatal(err)
	}
	pl.Arch = "arm64"
	_, err = p.Build(t.Context(), fn, pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "small.so", "amd64")
}
