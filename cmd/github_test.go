package cmd

import (
	"bytes"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

func TestAnnotationsAreEscapedAndNamedFromTheCheckout(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"/repo/shop/a,b:c.yaml", "::error file=shop/a%2Cb%3Ac.yaml,line=7,col=5,title=ferry plan::100%25 wrong%0A::error::not a command%0Amend it\n"},
		{"/elsewhere/ferry.yaml", "::error file=/elsewhere/ferry.yaml,line=7,col=5,title=ferry plan::100%25 wrong%0A::error::not a command%0Amend it\n"},
		{"src/mail.ts", "::error file=shop/src/mail.ts,line=7,col=5,title=ferry plan::100%25 wrong%0A::error::not a command%0Amend it\n"},
		{"", "::error title=ferry plan::100%25 wrong%0A::error::not a command%0Amend it\n"},
	} {
		var errs bytes.Buffer
		a := &app{root: "/repo/shop", env: map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/repo"}}
		a.Streams.Err.Writer = &errs
		a.annotate(&outcome{command: "plan", err: manifest.Problem{
			Position: manifest.Position{File: c.file, Line: 7, Column: 5}, Message: "100% wrong\n::error::not a command", Hint: "mend it",
		}})
		if got := errs.String(); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.file, got, c.want)
		}
	}
}
