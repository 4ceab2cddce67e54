//go:build unix

package manifest

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestANamedPipeIsRefusedWithoutOpeningIt(t *testing.T) {
	o := options("")
	o.Dir = t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(o.Dir, FileName), 0o644); err != nil {
		t.Skip(err)
	}
	if ps := problems(t, o); len(ps) != 1 || !strings.Contains(ps[0].Message, "not a regular file") {
		t.Errorf("got %v", ps)
	}
}
