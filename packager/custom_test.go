package packager

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestAPrebuiltProgramMustFitThePlatform(t *testing.T) {
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	root := packagertest.Project(t, "bin/run", string(data), "views/a", "", "text", "not a program", "script", "#!/bin/sh\n")
	fn := manifest.Function{Name: "c", Source: ".", Handler: "bin/run", Runtime: "custom", Style: manifest.StyleServer, Build: manifest.Build{Include: []string{"views"}}}
	p := newPackager(t, root)
	a := build(t, p, fn)
	if a.Entry != "bin/run" || a.Files != 2 {
		t.Errorf("got %+v", a)
	}
	pl := packagertest.Local("custom")
	pl.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	_, err = p.Build(context.Background(), fn, pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "is a program for "+runtime.GOOS+"/"+runtime.GOARCH)
	fn.Handler = "text"
	packagertest.Contains(t, failure(t, p, fn).Message, "neither an ELF nor a Mach-O")
	fn.Handler = "script"
	build(t, p, fn)
	_, err = p.Build(context.Background(), fn, Platform{Shim: "aws", OS: "linux", Arch: "amd64"})
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "is a script")
	fn.Handler = "bin/rum"
	packagertest.Contains(t, failure(t, p, fn).Hint, "bin/run")
}
