package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// Shop is a service in the five versions that a place needs: its functions' sources lie in a folder for each version and
// function, and what is built of them is kept.
type Shop struct{ dir, cache string }

// NewShop makes the sources of the shop's functions: of each the one file that its version has.
func NewShop(t testing.TB, file func(version string) (name, text string)) *Shop {
	t.Helper()
	s := &Shop{t.TempDir(), t.TempDir()}
	for _, version := range []string{"one", before, "three", fresh, rival} {
		name, text := file(version)
		for _, fn := range s.Functions(version) {
			dir := filepath.Join(s.dir, version, fn)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// Functions are the names of a version's functions. A schedule calls jobs.
func (s *Shop) Functions(string) []string { return []string{"api", "jobs", "web"} }

// Engine is that of a new process on the sources of a version, whose functions are like this one; adjust, where it is not nil,
// changes the manifest.
func (s *Shop) Engine(version string, target manifest.Target, a providers.Adapter, like manifest.Function, adjust func(*manifest.Manifest)) *release.Engine {
	m := &manifest.Manifest{
		File: "ferry.yaml", Dir: filepath.Join(s.dir, version), Service: "shop", Stage: "dev", Digest: version,
		Target: target, Releases: manifest.Releases{Keep: 20},
	}
	for _, fn := range s.Functions(version) {
		m.Functions = append(m.Functions, declared(like, version, fn))
	}
	if adjust != nil {
		adjust(m)
	}
	return &release.Engine{
		Manifest: m, Adapter: a, Packager: &packager.Packager{Root: m.Dir, Cache: s.cache},
		Origin: release.Origin{Actor: "me@here", Version: "test"}, LockTTL: time.Second, Now: time.Now,
	}
}

// declared is a function of a version, whose environment says it as its code does.
func declared(like manifest.Function, version, name string) manifest.Function {
	fn := like
	fn.Name, fn.Source, fn.Env = name, name, map[string]string{"WORD": version}
	fn.Timeout = manifest.Duration(10 * time.Second)
	fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}}
	if name == "jobs" {
		fn.Events = append(fn.Events, manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 3 * * *", Timezone: "UTC"}})
	}
	return fn
}
