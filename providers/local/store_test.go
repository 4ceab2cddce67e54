package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/unprivileged"
	"github.com/ferryfn/ferry/providers"
)

// counterStore makes this test's binary a process that counts in the store of the folder it names.
const counterStore = "FERRY_TEST_COUNTER"

const countTo = 25

// count increases a number in the store, again when another process was first.
func count(t *testing.T, s *store) {
	for range countTo {
		for {
			o, err := s.Get(t.Context(), "counter")
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(o.Body)
			if err := errors.Join(err, o.Body.Close()); err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(string(data))
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Put(t.Context(), "counter", strings.NewReader(strconv.Itoa(n+1)), providers.IfTag(o.Tag))
			if err == nil {
				break
			}
			if !errors.Is(err, providers.Conflict) {
				t.Fatal(err)
			}
		}
	}
}

func TestEightProcessesLoseNoUpdateOfTheStore(t *testing.T) {
	if dir := os.Getenv(counterStore); dir != "" {
		count(t, newStore(dir))
		return
	}
	const processes = 8
	dir := t.TempDir()
	s := newStore(dir)
	if _, err := s.Put(t.Context(), "counter", strings.NewReader("0"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), counterStore+"="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	o, err := s.Get(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	if data, err := io.ReadAll(o.Body); err != nil || string(data) != fmt.Sprint(processes*countTo) {
		t.Errorf("counted to %s of %d, %v", data, processes*countTo, err)
	}
	if left, err := os.ReadDir(s.work); err != nil || len(left) > 0 {
		t.Errorf("half objects are left: %v, %v", left, err)
	}
}

func TestReadingAStoreThatIsNotThereMakesNoFile(t *testing.T) {
	home := filepath.Join(t.TempDir(), "none")
	s := newStore(home)
	if _, err := s.Get(t.Context(), "a/b"); !errors.Is(err, providers.NotFound) {
		t.Error(err)
	}
	if keys, err := s.List(t.Context(), "a/"); err != nil || len(keys) > 0 {
		t.Errorf("%v, %v", keys, err)
	}
	if err := s.Delete(t.Context(), "a/b", providers.Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

func TestWhatAKilledWriterLeftIsSweptAtTheNextWrite(t *testing.T) {
	s := newStore(t.TempDir())
	put := func(key string) {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), providers.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	put("a")
	old, young := filepath.Join(s.work, "1"), filepath.Join(s.work, "2")
	for _, file := range []string{old, young} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	put("b")
	if left, err := os.ReadDir(s.work); err != nil || len(left) != 1 || left[0].Name() != "2" {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestDeletingTheLastObjectLeavesNoFolder(t *testing.T) {
	s := newStore(t.TempDir())
	for _, key := range []string{"a/b/c", "a/d"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), providers.IfAbsent()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "a/b/c", providers.Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.file("a/b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder is left: %v", err)
	}
	if keys, err := s.List(t.Context(), ""); err != nil || len(keys) != 1 || keys[0] != "a/d" {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestAKeyThatMayNotBeReadIsDenied(t *testing.T) {
	s := newStore(t.TempDir())
	if _, err := s.Put(t.Context(), "a", strings.NewReader("x"), providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.file("a"), 0); err != nil {
		t.Fatal(err)
	}
	unprivileged.Files(t)
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, providers.Denied) {
		t.Error(err)
	}
}

// disposing is a body in whose midst the store is disposed of.
type disposing struct {
	*strings.Reader
	store *store
	times int
}

func (d *disposing) Read(p []byte) (int, error) {
	if d.times > 0 {
		d.times--
		if err := d.store.Dispose(context.Background()); err != nil {
			return 0, err
		}
	}
	return d.Reader.Read(p)
}

func TestADisposalCostsNoWriterItsObject(t *testing.T) {
	home := t.TempDir()
	s := newStore(home)
	body := &disposing{strings.NewReader("content"), s, 1}
	if _, err := s.Put(t.Context(), "shop/dev/x", body, providers.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Get(t.Context(), "shop/dev/x"); err != nil {
		t.Error(err)
	} else if data, err := io.ReadAll(o.Body); string(data) != "content" || errors.Join(err, o.Body.Close()) != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if err := errors.Join(s.Dispose(t.Context()), s.Delete(t.Context(), "shop/dev/x", providers.Condition{}), s.Dispose(t.Context())); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) != 1 || entries[0].Name() != "store.lock" {
		t.Errorf("left are %v, %v", entries, err)
	}
}
