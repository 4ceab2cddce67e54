package custom

import (
	"os"
	"runtime"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// content is what goes into the package of a function on a platform.
func content(t *testing.T, root string, fn manifest.Function, pl source.Platform) (source.Content, error) {
	t.Helper()
	j := packagertest.Job(t, root, fn)
	j.Platform = pl
	return Content(t.Context(), j, templates.Shim{})
}

func TestAPrebuiltProgramMustFitThePlatform(t *testing.T) {
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	root := packagertest.Project(t, "bin/run", string(data), "views/a", "", "text", "not a program", "script", "#!/bin/sh\n")
	fn := manifest.Function{Name: "c", Source: ".", Handler: "bin/run", Runtime: "custom", Style: manifest.StyleServer, Build: manifest.Build{Include: []string{"views"}}}
	pl := packagertest.Local("custom")
	a, err := content(t, root, fn, pl)
	if err != nil || a.Entry != "bin/run" || len(a.Files) != 2 {
		t.Errorf("got %+v, %v", a, err)
	}
	fn.Style = manifest.StyleLambda
	if a, err = content(t, root, fn, pl); err != nil || a.Entry != "bootstrap" || a.Files[0].Name != "bootstrap" {
		t.Errorf("Lambda does not find it: %+v, %v", a, err)
	}
	fn.Style = manifest.StyleServer
	pl.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	_, err = content(t, root, fn, pl)
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "is a program for "+runtime.GOOS+"/"+runtime.GOARCH)
	fn.Handler = "text"
	_, err = content(t, root, fn, packagertest.Local("custom"))
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "neither an ELF nor a Mach-O")
	fn.Handler = "script"
	if _, err := content(t, root, fn, packagertest.Local("custom")); err != nil {
		t.Error(err)
	}
	packagertest.Fill(t, root, "script", "#!/usr/bin/env sh\r\necho\r\n")
	_, err = content(t, root, fn, packagertest.Local("custom"))
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "script:1 ends in CR and LF", `"/usr/bin/env sh\r"`)
	packagertest.Contains(t, packagertest.Problem(t, err).Hint, "eol=lf")
	packagertest.Fill(t, root, "script", "#!/bin/sh\n")
	_, err = content(t, root, fn, source.Platform{Shim: "aws", OS: "linux", Arch: "amd64"})
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "is a script")
	if _, err = content(t, root, fn, source.Platform{Shim: "aws", OS: "linux", Arch: "amd64", Scripts: true}); err != nil {
		t.Errorf("a platform that starts scripts: %v", err)
	}
	fn.Handler = "bin/rum"
	_, err = content(t, root, fn, packagertest.Local("custom"))
	packagertest.Contains(t, packagertest.Problem(t, err).Hint, "bin/run")
}
