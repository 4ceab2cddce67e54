//go:build linux

package packager

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestAPackageOf600MegabytesIsRefusedWithWhatIsBiggest(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "")
	for name, size := range map[string]int64{"models/a.bin": 400 << 20, "models/b.bin": 150 << 20, "data.bin": 50 << 20} {
		packagertest.Write(t, filepath.Join(root, name), "x")
		if err := os.Truncate(filepath.Join(root, name), size); err != nil { // without taking the disk's space
			t.Fatal(err)
		}
	}
	p, fn := newPackager(t, root), packagertest.Server("main.py")
	pl := packagertest.Local(fn.Runtime)
	pl.MaxUnzipped = 250 << 20
	_, err := p.Build(t.Context(), fn, pl)
	e := packagertest.Problem(t, err)
	packagertest.Contains(t, e.Message, "600.0 MB, more than the limit of 250.0 MB", "550.0 MB  models", "50.0 MB  data.bin")
	packagertest.Contains(t, e.Hint, "do without a dependency", "build.exclude")
	nothingLeft(t, p)
}

func TestAZipAboveTheLimitIsRefusedWithWhatIsBiggest(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "small.txt", "x")
	noise := make([]byte, 3<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	packagertest.Write(t, filepath.Join(root, "noise.bin"), string(noise))
	p, fn := newPackager(t, root), packagertest.Server("main.py")
	pl := packagertest.Local(fn.Runtime)
	pl.MaxZip = 1 << 20
	_, err := p.Build(t.Context(), fn, pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "the package has 3.0 MB, more than the limit of 1.0 MB", "3.0 MB  noise.bin")
	nothingLeft(t, p)
}

const fullVariable = "PACKAGER_TEST_FULL"

// TestAFullDiskIsAClearError builds into a file system that is too small: a real one where this process may mount it,
// else under a limit on the size of files, which a child process sets for itself.
func TestAFullDiskIsAClearError(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(fullVariable); dir != "" {
		buildOnAFullDisk(t, filepath.Join(dir, "tree"), filepath.Join(dir, "cache"))
		return
	}
	dir := t.TempDir()
	noise := make([]byte, 8<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	packagertest.Fill(t, filepath.Join(dir, "tree"), "main.py", "", "noise.bin", string(noise))
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
		buildOnAFullDisk(t, filepath.Join(dir, "tree"), filepath.Join(disk, "cache"))
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestAFullDiskIsAClearError$", "-test.v")
	child.Env = append(os.Environ(), fullVariable+"="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func buildOnAFullDisk(t *testing.T, root, dir string) {
	t.Helper()
	if os.Getenv(fullVariable) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: 2 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	p := &Packager{Root: root, Cache: dir}
	e := failure(t, p, packagertest.Server("main.py"))
	packagertest.Contains(t, e.Message, "the disk of the build cache in "+p.Cache+" is full")
	packagertest.Contains(t, e.Hint, "free some space", "FERRY_HOME")
	nothingLeft(t, p)
}

func TestAKilledBuildLeavesACacheThatWorks(t *testing.T) {
	if dir := os.Getenv(childVariable); dir != "" {
		_, err := (&Packager{Root: filepath.Join(dir, "tree"), Cache: filepath.Join(dir, "cache")}).Build(context.Background(), packagertest.Server("main.py"), packagertest.Local("python3.11"))
		t.Log(err)
		return
	}
	dir := t.TempDir()
	noise := make([]byte, 48<<20) // stays as large when it is compressed, so that it takes long to write
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	packagertest.Fill(t, filepath.Join(dir, "tree"), "main.py", "", "big", string(noise))
	p := &Packager{Root: filepath.Join(dir, "tree"), Cache: filepath.Join(dir, "cache")}
	tmp := filepath.Join(p.Cache, "tmp")
	for _, written := range []int64{1, 8 << 20, 24 << 20} {
		before := folderSize(tmp)
		var out strings.Builder
		child := exec.Command(os.Args[0], "-test.run=^TestAKilledBuildLeavesACacheThatWorks$", "-test.v")
		child.Env, child.Stdout, child.Stderr = append(os.Environ(), childVariable+"="+dir), &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		packagertest.Poll(t, func() bool { return len(ended) > 0 || folderSize(tmp) >= before+written })
		_ = child.Process.Kill()
		if err := <-ended; err == nil {
			t.Fatalf("it ended before it was killed at %d bytes:\n%s", written, out.String())
		}
		if artifacts := readDir(filepath.Join(p.Cache, "artifacts")); len(artifacts) > 0 {
			t.Fatalf("it was killed too late, at %d bytes: %v", written, artifacts)
		}
	}
	if a := build(t, p, packagertest.Server("main.py")); contents(t, a)["big"] != string(noise) {
		t.Error("the package is not whole")
	}
}

// folderSize is the size of the files that lie in a folder, in bytes.
func folderSize(dir string) (size int64) {
	for _, e := range readDir(dir) {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
	}
	return size
}

const unreadableVariable = "PACKAGER_TEST_UNREADABLE"

// TestAnUnreadableFileIsNamed runs as another user where this one is root, who reads everything.
func TestAnUnreadableFileIsNamed(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(unreadableVariable); dir != "" {
		p := &Packager{Root: filepath.Join(dir, "tree"), Cache: filepath.Join(dir, "cache")}
		e := failure(t, p, packagertest.Server("main.py"))
		packagertest.Contains(t, e.Message, "secret.txt cannot be read")
		packagertest.Contains(t, e.Hint, "make it readable")
		nothingLeft(t, p)
		return
	}
	dir, err := os.MkdirTemp("", "ferry-unreadable") //nolint:usetesting // another user walks down to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	packagertest.Fill(t, filepath.Join(dir, "tree"), "main.py", "", "secret.txt", "x")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	test := filepath.Join(dir, "packager.test")
	err = errors.Join(os.WriteFile(test, program, 0o755), os.Chmod(test, 0o755), os.Chmod(dir, 0o777), os.Chmod(filepath.Join(dir, "tree", "secret.txt"), 0)) //nolint:gosec // for another user
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(test, "-test.run=^TestAnUnreadableFileIsNamed$")
	child.Dir, child.Env = dir, append(os.Environ(), unreadableVariable+"="+dir, "HOME="+dir, "TMPDIR="+dir)
	if os.Getuid() == 0 {
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
