package source

import "testing"

func TestTheCLibraryOfAPlatformIsWhatItSaysWhateverItsName(t *testing.T) {
	for _, name := range []string{"local", "aws"} {
		for _, c := range []struct{ os, said, want string }{{"linux", "musl", "musl"}, {"linux", "", "glibc"}, {"darwin", "", ""}} {
			if got := (Platform{Shim: name, OS: c.os, Libc: c.said}).CLibrary(); got != c.want {
				t.Errorf("%s, %s, %q: got %q", name, c.os, c.said, got)
			}
		}
	}
}
