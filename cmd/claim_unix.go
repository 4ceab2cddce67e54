//go:build unix

package cmd

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/ferryfn/ferry/providers"
)

// claim makes sure that nobody else can write to the folders of a home, as far as they are there: what lies in them is
// believed and run. A folder that others own or that everybody can write to may hold anything by now; one that only the
// group can write to comes from a umask, and is put right.
func (a *app) claim(dirs ...string) error {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() {
			continue // whoever uses it says why it cannot be used
		}
		owner := os.Geteuid()
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = int(stat.Uid)
		}
		const everybody, group fs.FileMode = 0o002, 0o020
		switch mode := info.Mode().Perm(); {
		case owner != os.Geteuid():
			return &failure{
				kind: providers.Invalid, message: fmt.Sprintf("%s belongs to another user (id %d), who could have ferry run anything as you", dir, owner),
				hint: "set FERRY_HOME to a folder of your own",
			}
		case mode&everybody != 0:
			return &failure{
				kind: providers.Invalid, message: "everyone can write to " + dir + ", and could have ferry run anything as you",
				hint: "set FERRY_HOME to a folder of your own, or run `chmod go-w " + dir + "` when you know what is in it",
			}
		case mode&group != 0:
			if err := os.Chmod(dir, mode&^group); err != nil {
				return fmt.Errorf("keeping the group from writing to the home: %w", err)
			}
			a.warn(providers.Issue{Severity: providers.Warning, Message: "the group could write to " + dir + ", where ferry keeps what it runs; ferry has taken that permission away"})
		}
	}
	return nil
}
