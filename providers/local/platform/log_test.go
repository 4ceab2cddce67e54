//go:build unix

package platform

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/providers/local/platform/platformtest"

	"github.com/ferryfn/ferry/internal/masking"
)

func TestLogLinesCarryTheirStreamAndInstance(t *testing.T) {
	p := serve(t, Options{})
	p.live("api", revision("one"))
	p.get("api/log?line=hello")
	var lines []Line
	platformtest.Until(t, "both lines are in the log", func() bool {
		lines = nil
		err := p.home.Tail(t.Context(), shop, "api", TailOptions{Lines: 2}, func(l Line) error {
			lines = append(lines, l)
			return nil
		})
		return err == nil && len(lines) == 2 && lines[0].Stream != streamPlatform
	})
	got := map[string]string{}
	for _, l := range lines {
		got[l.Stream] = l.Text
		if l.Revision != "one" || l.Instance == "" || time.Since(l.Time) > time.Minute {
			t.Errorf("got %+v", l)
		}
	}
	if diff := cmp.Diff(map[string]string{"stdout": "hello", "stderr": "err: hello"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFollowingSurvivesThatTheLogMovesAside(t *testing.T) {
	home := Home(t.TempDir())
	j := &journal{path: home.functionLog(shop, "api"), limit: 2000}
	const count = 200
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var got []string
	seen := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(got)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- home.Tail(ctx, shop, "api", TailOptions{Follow: true, Poll: time.Millisecond}, func(l Line) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, l.Text)
			return nil
		})
	}()
	var want []string
	for i := range count {
		want = append(want, fmt.Sprintf("line %d", i))
		j.write(Line{Time: time.Now(), Text: want[i]})
		if i%10 == 9 { // so that at most one move happens between two looks
			platformtest.Until(t, "the follower caught up", func() bool { return seen() == i+1 })
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{j.path, older(j.path)} {
		if info, err := os.Stat(path); err != nil || info.Size() > 2000 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

func TestTailHandsOutTheLastLinesAcrossFiles(t *testing.T) {
	home := Home(t.TempDir())
	j := &journal{path: home.functionLog(shop, "api"), limit: 800}
	for i := range 10 {
		j.write(Line{Text: fmt.Sprint(i)})
	}
	if _, err := os.Stat(older(j.path)); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := home.Tail(t.Context(), shop, "api", TailOptions{Lines: 9}, func(l Line) error {
		got = append(got, l.Text)
		return nil
	})
	if diff := cmp.Diff(strings.Split("123456789", ""), got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := home.Tail(t.Context(), shop, "ghost", TailOptions{}, nil); err != nil {
		t.Error(err)
	}
}

func TestALongLineComesInPieces(t *testing.T) {
	var got []string
	eachLine(strings.NewReader(strings.Repeat("x", maxLine+5)+"\r\nnext\nlast"), &masking.Mask{}, func(l string) { got = append(got, l) })
	if diff := cmp.Diff([]string{strings.Repeat("x", maxLine), "xxxxx", "next", "last"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestALineThatTheDiskHasNoRoomForTakesNoOtherWithIt(t *testing.T) {
	home := Home(t.TempDir())
	j := &journal{path: home.functionLog(shop, "api"), limit: 1 << 20}
	j.write(Line{Text: "before"})
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	full := was
	full.Cur = uint64(j.size + 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	j.write(Line{Text: "lost"})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	j.write(Line{Text: "after"})
	var got []string
	err := home.Tail(t.Context(), shop, "api", TailOptions{}, func(l Line) error {
		got = append(got, l.Text)
		return nil
	})
	if diff := cmp.Diff([]string{"before", "after"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
