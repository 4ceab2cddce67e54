package source

import (
	"runtime"
	"testing"
)

func TestAPlatformOnThisMachineRunsWhatIsInstalledHere(t *testing.T) {
	host := Platform{Shim: "local"}.OnHost()
	if host.Shim != "local" || !host.Scripts || !host.IsHost() {
		t.Errorf("got %+v", host)
	}
	for name, other := range map[string]func(*Platform){
		"architecture": func(p *Platform) { p.Arch = "riscv" },
		"system":       func(p *Platform) { p.OS = "plan9" },
		"libc":         func(p *Platform) { p.Libc = "uclibc" },
	} {
		p := host
		other(&p)
		if p.IsHost() && (name != "libc" || runtime.GOOS == "linux") {
			t.Errorf("with another %s it counts as this machine", name)
		}
	}
}

func TestTheCLibraryOfAPlatformIsWhatItSaysWhateverItsName(t *testing.T) {
	for _, name := range []string{"local", "aws"} {
		for _, c := range []struct{ os, said, want string }{{"linux", "musl", "musl"}, {"linux", "", "glibc"}, {"darwin", "", ""}} {
			if got := (Platform{Shim: name, OS: c.os, Libc: c.said}).CLibrary(); got != c.want {
				t.Errorf("%s, %s, %q: got %q", name, c.os, c.said, got)
			}
		}
	}
}
