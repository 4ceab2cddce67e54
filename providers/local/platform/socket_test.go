//go:build unix

package platform

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// short is a home whose sockets have paths that are short enough.
func short(t *testing.T) Home {
	t.Helper()
	dir, err := os.MkdirTemp("", "f") //nolint:usetesting // a test's own is named by its sentence
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return Home(dir)
}

// far is a home whose sockets would have too long paths.
func far(t *testing.T) Home {
	t.Helper()
	return Home(filepath.Join(t.TempDir(), strings.Repeat("far", 40)))
}

func TestAShimIsReachedByASocketOfTheOwnersAndByItsPortWhereThePathIsTooLong(t *testing.T) {
	for name, home := range map[string]Home{"by socket": short(t), "by port": far(t)} {
		t.Run(name, func(t *testing.T) {
			p := &place{T: t, home: home}
			stop := p.run(Options{})
			p.live("api", revision("v1"))
			if status, body := p.get("api/"); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			sockets, err := os.ReadDir(home.own("sockets"))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"by socket": 1}[name]; len(sockets) != want {
				t.Errorf("%d sockets, want %d", len(sockets), want)
			}
			if info, err := os.Stat(home.own("sockets")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("others may enter the folder of the sockets: %v, %v", info.Mode(), err)
			}
			stop()
			if sockets, err := os.ReadDir(home.own("sockets")); err != nil || len(sockets) > 0 {
				t.Errorf("left behind: %v, %v", sockets, err)
			}
		})
	}
}

func TestAConnectionWaitsForASocketWhoseQueueIsFull(t *testing.T) {
	path := filepath.Join(string(short(t)), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at := entrance{socket: path}
	const all = 4 // more than wait
	connected := make(chan error, all)
	for range all {
		go func() {
			c, err := at.connect(t.Context())
			if err == nil {
				defer func() { _ = c.Close() }()
				_, err = c.Read(make([]byte, 1))
			}
			connected <- err
		}()
	}
	for range all {
		c, _, err := syscall.Accept(fd)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = syscall.Write(c, []byte("x"))
		_ = syscall.Close(c)
	}
	for range all {
		if err := <-connected; err != nil {
			t.Error(err)
		}
	}
}
