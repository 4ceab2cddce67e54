package source

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/fuzzing"
)

func FuzzIgnoreRulesNeverPanic(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	f.Add("*\n!foo/**\n[a-", "foo/bar")
	f.Add("\\", "a")
	f.Add("!**/[!", "a/b/c")
	f.Fuzz(func(t *testing.T, text, name string) {
		if !fs.ValidPath(name) {
			return
		}
		excluded(parseRules([]byte(text), nil), subject{names: strings.Split(name, "/")})
	})
}
