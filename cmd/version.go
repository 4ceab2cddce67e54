package cmd

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionResult says which ferry this is.
type versionResult struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion(a *app, out *outcome) *cobra.Command {
	return a.command(out, &cobra.Command{
		Use:   "version",
		Short: "Print the version of ferry",
		Long:  "Print the version of ferry. `ferry --version` prints the same.",
		Args:  noArgs(),
	}, func(context.Context, []string) (result, error) {
		return a.version(), nil
	})
}

// version is the version that the build was given, else the module's.
func (a *app) version() versionResult {
	v := versionResult{Version: a.Version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Version == "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}

func (v versionResult) text(p *printer) {
	p.linef("ferry %s", v.Version)
	if v.Commit != "" {
		p.linef("%s", p.style.dim.Render("commit "+v.Commit))
	}
	p.linef("%s", p.style.dim.Render(v.Go+" "+v.OS+"/"+v.Arch))
}
