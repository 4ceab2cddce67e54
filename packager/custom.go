package packager

import (
	"bytes"
	"context"
	"debug/elf"
	"debug/macho"
	"os"
	"path"
	"path/filepath"

	"github.com/ferryfn/ferry/internal/regular"
)

// custom packages a program that was built before, with what build.include names.
func (j *job) custom(ctx context.Context) (content, error) {
	name := path.Clean(j.fn.Handler)
	full := filepath.Join(j.dir, filepath.FromSlash(name))
	if err := j.wantFile(name, j.fn.Handler, "handler"); err != nil {
		return content{}, err
	}
	if _, err := j.in.dir(filepath.Dir(full)); err != nil {
		return content{}, readProblem(full, name, err)
	}
	if err := j.checkExecutable(full, name); err != nil {
		return content{}, err
	}
	files, err := j.included(ctx)
	if err != nil {
		return content{}, err
	}
	info, err := os.Stat(full)
	if err != nil {
		return content{}, readProblem(full, name, err)
	}
	files = append([]file{{name: name, path: full, info: info, in: j.in}}, files...)
	kept := files[:0]
	again := duplicate()
	for _, f := range files {
		if !again(f) {
			kept = append(kept, f)
		}
	}
	return content{files: kept, entry: name}, nil
}

// checkExecutable refuses a program that the platform cannot start.
func (j *job) checkExecutable(full, name string) error {
	f, err := regular.Open(full)
	if err != nil {
		return readProblem(full, name, err)
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := f.ReadAt(head, 0); err != nil {
		return problem(full, "build it first, with build.command", "%s is no program", name)
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		if j.platform.Scripts {
			return nil
		}
		return problem(full, "name a compiled program as handler", "%s is a script, which needs an interpreter that %s may not have", name, j.platform.Shim)
	}
	hint := "build it for " + j.platform.OS + "/" + j.platform.Arch
	found := ""
	if p, err := elf.NewFile(f); err == nil {
		found = "linux/" + map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[p.Machine]
		if p.OSABI == elf.ELFOSABI_FREEBSD {
			found = "freebsd"
		}
	} else if p, err := macho.NewFile(f); err == nil {
		found = "darwin/" + map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[p.Cpu]
	} else if fat, err := macho.NewFatFile(f); err == nil && j.platform.OS == "darwin" {
		fat.Close()
		return nil
	}
	if found == "" {
		return problem(full, hint, "%s is neither an ELF nor a Mach-O program", name)
	}
	if found != j.platform.OS+"/"+j.platform.Arch {
		return problem(full, hint, "%s is a program for %s, and the platform is %s/%s", name, found, j.platform.OS, j.platform.Arch)
	}
	return nil
}
