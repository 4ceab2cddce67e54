package unprivileged

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

const nobody = 65534

// Files makes the test's own goroutine reach files as a plain user until the test ends. Root loses its rights over the
// files of others, also over those that the test made before. The kernel keeps this for a thread, so that the goroutine
// stays on the one that it has.
func Files(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
	})
}
