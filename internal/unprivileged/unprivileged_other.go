//go:build !linux

package unprivileged

import (
	"os"
	"testing"
)

// Files skips the test for root: only Linux can put its rights aside.
func Files(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: run the tests as a plain user")
	}
}
