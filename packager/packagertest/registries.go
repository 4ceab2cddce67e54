package packagertest

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

// Registries runs a test on what real registries hold, beside the others. What was downloaded once is kept by npm, pip and
// uv themselves.
func Registries(t *testing.T, tools ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: nothing is downloaded")
	}
	Needs(t, tools...)
	for _, tool := range tools {
		if !Reachable(tool) {
			t.Skipf("what %s gets packages from cannot be reached", tool)
		}
	}
	t.Parallel()
}

// Reachable is whether what a language's packages come from can be had, and may.
func Reachable(tool string) bool {
	if _, err := exec.LookPath(tool); err != nil || testing.Short() {
		return false
	}
	return tool != "npm" && tool != "python3" || tool == "npm" && npmAnswers() || tool == "python3" && pypiAnswers()
}

var npmAnswers = sync.OnceValue(func() bool {
	return exec.Command("npm", "view", "semver@7.0.0", "version", "--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000").Run() == nil
})

var pypiAnswers = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "ferry-pypi") // others ask at the same time
	if err != nil {
		return false
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return exec.Command("python3", "-m", "pip", "download", "--no-deps", "-q", "-d", dir, "six==1.17.0").Run() == nil
})

// ThisPython is the runtime of the interpreter that starts packages here.
func ThisPython(t *testing.T) manifest.Runtime {
	t.Helper()
	return manifest.Runtime("python" + strings.TrimSpace(Output(t, t.TempDir(), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")))
}
