//go:build unix

package packager

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func TestTwoCopiesOfATreeGiveTheSameBytes(t *testing.T) {
	cases := map[string]struct {
		fn    manifest.Function
		tool  string
		files []string
	}{
		"python": {packagertest.Python("app:app"), "", []string{"app.py", "app = 1\n", "a b/ü.txt", "x", "z.sh", "#!/bin/sh\n", "empty", ""}},
		"node":   {packagertest.Node("src/app.ts"), "", []string{"src/app.ts", "import {a} from './a'; export default {fetch() { return a }}", "src/a.ts", "export const a = 1"}},
		"go":     {packagertest.Go("api"), "go", []string{"go.mod", "module example.com/x\n\ngo 1.24\n", "api/a.go", goHandler}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.tool != "" {
				packagertest.Needs(t, c.tool)
			}
			one := build(t, newPackager(t, packagertest.Project(t, c.files...)), c.fn)
			for run := range 10 {
				t.Setenv("LC_ALL", []string{"de_DE.UTF-8", "tr_TR.UTF-8", "C", "ja_JP.eucJP"}[run%4])
				old := syscall.Umask([]int{0o077, 0o002, 0o022}[run%3])
				other := filepath.Join(t.TempDir(), "quite", "another place")
				for i := len(c.files) - 2; i >= 0; i -= 2 {
					packagertest.Write(t, filepath.Join(other, c.files[i]), c.files[i+1])
				}
				syscall.Umask(old)
				if err := filepath.WalkDir(other, func(p string, d os.DirEntry, err error) error {
					return errors.Join(err, os.Chmod(p, 0o700))
				}); err != nil {
					t.Fatal(err)
				}
				two := build(t, newPackager(t, other), c.fn)
				if two.Cached || one.ZipDigest != two.ZipDigest || one.Digest != two.Digest {
					t.Errorf("got %+v and %+v", one, two)
				}
			}
		})
	}
}

func TestAPackageIsAPlainZip(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "print(1)", "run.sh", "#!/bin/sh\n", "lib/data.bin", strings.Repeat("x", 100000), "empty.txt", "", "ü.txt", "u")
	if err := os.Chmod(filepath.Join(root, "main.py"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("lib/data.bin", filepath.Join(root, "linked.bin")); err != nil {
		t.Fatal(err)
	}
	a := build(t, newPackager(t, root), packagertest.Server("main.py"))
	r, err := zip.OpenReader(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for _, f := range r.File {
		got = append(got, fmt.Sprintf("%s %s %s %d %d", f.Name, f.Mode(), f.Modified.Format("2006-01-02T15:04:05"), f.UncompressedSize64, len(f.Extra)))
	}
	packagertest.Equal(t, got, []string{
		"empty.txt -rw-r--r-- 1980-01-01T00:00:00 0 0",
		"lib/data.bin -rw-r--r-- 1980-01-01T00:00:00 100000 0",
		"linked.bin -rw-r--r-- 1980-01-01T00:00:00 100000 0",
		"main.py -rw-r--r-- 1980-01-01T00:00:00 8 0",
		"run.sh -rwxr-xr-x 1980-01-01T00:00:00 10 0",
		"ü.txt -rw-r--r-- 1980-01-01T00:00:00 1 0",
	})
	if a.Files != 6 || a.Unzipped != 200019 || a.Entry != "main.py" {
		t.Errorf("got %+v", a)
	}
	if _, err := exec.LookPath("unzip"); err == nil {
		packagertest.Contains(t, packagertest.Output(t, root, "unzip", "-t", a.Path), "No errors")
	}
}

func TestWhatIsNoFileOrLeadsOutIsRefused(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	packagertest.Write(t, outside, "x")
	cases := map[string]struct {
		make func(root string) error
		want string
	}{
		"a link to another tree": {func(r string) error { return os.Symlink(outside, filepath.Join(r, "x")) }, "out of the source folder"},
		"a link to /etc/passwd":  {func(r string) error { return os.Symlink("/etc/passwd", filepath.Join(r, "x")) }, "out of the source folder"},
		"a link to nothing":      {func(r string) error { return os.Symlink("gone", filepath.Join(r, "x")) }, "points to nothing"},
		"a link to itself":       {func(r string) error { return os.Symlink("x", filepath.Join(r, "x")) }, "may lead to itself"},
		"a link to its folder":   {func(r string) error { return os.Symlink(".", filepath.Join(r, "x")) }, "back to a folder"},
		"a loop over two folders": {func(r string) error {
			return errors.Join(os.Mkdir(filepath.Join(r, "a"), 0o755), os.Symlink("..", filepath.Join(r, "a", "x")))
		}, "back to a folder"},
		"a link to a secret": {func(r string) error {
			return errors.Join(os.WriteFile(filepath.Join(r, ".env"), nil, 0o600), os.Symlink(".env", filepath.Join(r, "x")))
		}, "never enters"},
		"a named pipe": {func(r string) error { return syscall.Mkfifo(filepath.Join(r, "x"), 0o600) }, "named pipe"},
		"a socket": {func(r string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(r, "x"), Net: "unix"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, "socket"},
		"a control character": {func(r string) error { return os.WriteFile(filepath.Join(r, "x\ny"), nil, 0o600) }, "control character"},
		"a backslash":         {func(r string) error { return os.WriteFile(filepath.Join(r, `x\y`), nil, 0o600) }, "backslash"},
		"bytes that are not UTF-8": {func(r string) error {
			return os.WriteFile(filepath.Join(r, "x\xff"), nil, 0o600)
		}, "UTF-8"},
		"two Unicode forms": {func(r string) error {
			return errors.Join(os.WriteFile(filepath.Join(r, "\u00e9"), nil, 0o600), os.WriteFile(filepath.Join(r, "e\u0301"), nil, 0o600))
		}, "Unicode form"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root, err := os.MkdirTemp("", "f") //nolint:usetesting // a socket's path is short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(root)
			packagertest.Write(t, filepath.Join(root, "main.py"), "")
			if err := c.make(root); err != nil {
				t.Skipf("this file system cannot hold it: %v", err)
			}
			p := newPackager(t, root)
			e := failure(t, p, packagertest.Server("main.py"))
			packagertest.Contains(t, e.Message, c.want)
			if e.Hint == "" || e.File == "" {
				t.Errorf("no hint or no file: %+v", e)
			}
			nothingLeft(t, p)
		})
	}
}

// nothingLeft is true to the promise that a failure leaves neither packages nor work in progress.
func nothingLeft(t *testing.T, p *Packager) {
	t.Helper()
	for _, folder := range []string{"tmp", "artifacts", "entries"} {
		for _, e := range readDir(filepath.Join(p.Cache, folder)) {
			t.Errorf("%s/%s is left behind", folder, e.Name())
		}
	}
}

func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "a.txt", "hello")
	path := filepath.Join(root, "a.txt")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	packagertest.Write(t, path, "hello, longer")
	z := zipper{spillDir: t.TempDir(), squeezers: newSqueezers()}
	_, err = z.write(context.Background(), io.Discard, []source.File{{Name: "a.txt", Path: path, Info: info}})
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "a.txt changed while it was being packaged")
}

func TestLargeFilesTakeNoMemory(t *testing.T) {
	root := packagertest.Project(t, "main.py", "")
	f, err := os.Create(filepath.Join(root, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	random := make([]byte, 8<<20)
	rand.Read(random)
	packagertest.Write(t, filepath.Join(root, "random"), string(random))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := newPackager(t, root)
	a := build(t, p, packagertest.Server("main.py"))
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 48<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
	if got := contents(t, a)["random"]; got != string(random) {
		t.Error("a large file came out different")
	}
	for _, e := range readDir(filepath.Join(p.Cache, "tmp")) {
		t.Errorf("tmp/%s is left behind", e.Name())
	}
}

func TestCancellingLeavesNothing(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	for i := range 200 {
		packagertest.Write(t, filepath.Join(root, fmt.Sprint(i)), strings.Repeat("x", 10000))
	}
	p := newPackager(t, root)
	ctx, cancel := context.WithCancel(context.Background())
	fn := packagertest.Server("main.py")
	fn.Build.Command = "touch started; sleep 60"
	go func() {
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
			if source.Exists(filepath.Join(root, "started")) {
				break
			}
		}
		cancel()
	}()
	began := time.Now()
	if _, err := p.Build(ctx, fn, packagertest.Local(fn.Runtime)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if time.Since(began) > 20*time.Second {
		t.Error("the command outlived its context")
	}
	if _, err := p.Build(ctx, packagertest.Server("main.py"), packagertest.Local("python3.11")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, p)
}

func TestLimitsShowWhatIsBiggest(t *testing.T) {
	t.Parallel()
	random := make([]byte, 2<<20)
	rand.Read(random)
	root := packagertest.Project(t, "main.py", "", "numpy/a.so", string(random), "numpy/b.so", "x", "small.txt", "x")
	p := newPackager(t, root)
	pl := packagertest.Local("python3.11")
	pl.MaxUnzipped = 1 << 20
	_, err := p.Build(context.Background(), packagertest.Server("main.py"), pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "more than the limit of 1.0 MB", "2.0 MB  numpy\n")
	pl.MaxUnzipped, pl.MaxZip = 0, 1<<20
	_, err = p.Build(context.Background(), packagertest.Server("main.py"), pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "the package has 2.0 MB")
	nothingLeft(t, p)
}

func FuzzAZipHoldsWhatWentIn(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add("a.txt", []byte("hello"), "b/c.bin", []byte{0, 1, 2})
	f.Add("ü", []byte("#!/bin/sh"), "bootstrap", []byte("\x7fELF"))
	f.Add("a/../b", []byte(nil), "a\\b", []byte("x"))
	f.Fuzz(func(t *testing.T, name1 string, data1 []byte, name2 string, data2 []byte) {
		files := []source.File{source.Generated(name1, data1), source.Generated(name2, data2)}
		sortFiles(files)
		if checkNames(files) != nil {
			return
		}
		var out, again bytes.Buffer
		z := zipper{spillDir: t.TempDir(), squeezers: newSqueezers()}
		digest, err := z.write(context.Background(), &out, files)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := z.write(context.Background(), &again, files); err != nil || twice != digest || !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Fatalf("twice the same gave another package, %v", err)
		}
		r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for i, entry := range r.File {
			rc, err := entry.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(rc)
			if err != nil || entry.Name != files[i].Name || !bytes.Equal(data, files[i].Data) {
				t.Fatalf("%q came out as %q, %v", files[i].Name, entry.Name, err)
			}
			if !filepath.IsLocal(entry.Name) {
				t.Fatalf("%q leads out of the folder it is unpacked in", entry.Name)
			}
		}
	})
}

func BenchmarkZip9000Files(b *testing.B) {
	root := packagertest.Project(b, "main.py", "")
	text := strings.Repeat("export const answer = 42; // a line of a program\n", 300)
	for i := range 9000 {
		path := filepath.Join(root, fmt.Sprint(i%100), fmt.Sprint(i, ".js"))
		packagertest.Write(b, path, text+fmt.Sprint(i))
	}
	p := newPackager(b, root)
	p.NoCache = true
	for b.Loop() {
		build(b, p, packagertest.Server("main.py"))
	}
}
