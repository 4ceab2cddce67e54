package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ferryfn/ferry/providers"
)

// home is where ferry keeps things on this machine: below FERRY_HOME, else where the system keeps such things. It is
// this user's alone to write to.
func (a *app) home() (providers.Home, error) {
	if root := a.env["FERRY_HOME"]; root != "" {
		root = a.path(root)
		h := providers.Home{State: filepath.Join(root, "state"), Cache: filepath.Join(root, "cache")}
		return h, a.claim(root, h.State, h.Cache)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return providers.Home{}, fmt.Errorf("finding the cache folder (set FERRY_HOME to choose one): %w", err)
	}
	state, err := a.stateDir()
	if err != nil {
		return providers.Home{}, fmt.Errorf("finding the state folder (set FERRY_HOME to choose one): %w", err)
	}
	h := providers.Home{State: filepath.Join(state, "ferry"), Cache: filepath.Join(cache, "ferry")}
	return h, a.claim(h.State, h.Cache)
}

// stateDir is the system's folder for what must outlive a cache.
func (a *app) stateDir() (string, error) {
	if dir := a.env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return os.UserConfigDir()
	}
	user, err := os.UserHomeDir()
	return filepath.Join(user, ".local", "state"), err
}

// dir is the folder that ferry was told to run in, absolute.
func (a *app) dir() string { return a.path(a.global.dir) }

// path makes a path absolute that is relative to where ferry was started.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(a.Dir, p)
}
