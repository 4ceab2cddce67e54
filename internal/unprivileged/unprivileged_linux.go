package unprivileged

import (
	"os"
	"syscall"
	"testing"
)

const nobody = 65534

// Files makes the process reach files as a plain user until the test ends. Root loses its rights over the
// files of others, also over those that the test made before; the test must not run beside others.
func Files(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
	})
}
