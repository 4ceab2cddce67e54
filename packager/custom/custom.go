// Package custom packages programs that were built before.
package custom

import (
	"bytes"
	"context"
	"debug/elf"
	"debug/macho"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

// Content is a program that was built before, with what build.include names. It needs no shim.
func Content(ctx context.Context, j *source.Job, _ templates.Shim) (source.Content, error) {
	name := path.Clean(j.Function.Handler)
	full := filepath.Join(j.Dir, filepath.FromSlash(name))
	if err := j.WantFile(name, j.Function.Handler, "handler"); err != nil {
		return source.Content{}, err
	}
	if _, err := j.In.Dir(filepath.Dir(full)); err != nil {
		return source.Content{}, source.ReadProblem(full, name, err)
	}
	if err := checkExecutable(j, full, name); err != nil {
		return source.Content{}, err
	}
	files, err := j.Included(ctx)
	if err != nil {
		return source.Content{}, err
	}
	info, err := os.Stat(full)
	if err != nil {
		return source.Content{}, source.ReadProblem(full, name, err)
	}
	as := name
	if j.Function.Style == manifest.StyleLambda {
		as = "bootstrap" // by which Lambda finds it
	}
	files = append([]source.File{{Name: as, Path: full, Info: info, In: j.In}}, files...)
	kept := files[:0]
	again := source.Duplicate()
	for _, f := range files {
		if !again(f) {
			kept = append(kept, f)
		}
	}
	return source.Content{Files: kept, Entry: as}, nil
}

// firstLine is the line that names the interpreter of a script, without its end.
func firstLine(f *os.File) (string, error) {
	const longest = 256 // that systems read
	line, err := io.ReadAll(io.NewSectionReader(f, 0, longest))
	first, _, _ := strings.Cut(string(line), "\n")
	return first, err
}

// checkExecutable refuses a program that the platform cannot start.
func checkExecutable(j *source.Job, full, name string) error {
	f, err := regular.Open(full)
	if err != nil {
		return source.ReadProblem(full, name, err)
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := f.ReadAt(head, 0); err != nil {
		return source.Problem(full, "build it first, for instance with build.command", "%s is not a program", name)
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		if line, err := firstLine(f); err == nil && strings.HasSuffix(line, "\r") {
			e := source.Problem(full, "save it with LF as the end of lines, and keep it so with `*.sh text eol=lf` in .gitattributes",
				"%s:1 ends in CR and LF: the system would look for the interpreter %q", name, strings.TrimSpace(line[min(2, len(line)):])+"\r")
			e.Line = 1
			return e
		}
		if j.Platform.Scripts {
			return nil
		}
		return source.Problem(full, "name a compiled program as handler", "%s is a script, which needs an interpreter that %s may not have", name, j.Platform.Shim)
	}
	hint := "build it for " + j.Platform.OS + "/" + j.Platform.Arch
	found := ""
	if p, err := elf.NewFile(f); err == nil {
		found = "linux/" + map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[p.Machine]
		if p.OSABI == elf.ELFOSABI_FREEBSD {
			found = "freebsd"
		}
	} else if p, err := macho.NewFile(f); err == nil {
		found = "darwin/" + map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[p.Cpu]
	} else if fat, err := macho.NewFatFile(f); err == nil && j.Platform.OS == "darwin" {
		fat.Close()
		return nil
	}
	if found == "" {
		return source.Problem(full, hint, "%s is neither an ELF nor a Mach-O program", name)
	}
	if found != j.Platform.OS+"/"+j.Platform.Arch {
		return source.Problem(full, hint, "%s is a program for %s, and the platform is %s/%s", name, found, j.Platform.OS, j.Platform.Arch)
	}
	return nil
}
