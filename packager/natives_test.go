package packager

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// library is a shared library for this machine that needs others.
func library(t *testing.T, needs ...string) string {
	t.Helper()
	names, dynamic := []byte{0}, []elf.Dyn64{}
	for _, name := range needs {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(len(names))})
		names = append(names, name+"\x00"...)
	}
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	const head, section, pair = 64, 64, 16
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: head,
		Shoff: head, Shentsize: section, Shnum: 3, Shstrndx: 2,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	data := uint64(head + 3*section)
	size := uint64(len(dynamic) * pair)
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_DYNAMIC), Off: data, Size: size, Link: 2, Entsize: pair},
		{Type: uint32(elf.SHT_STRTAB), Off: data + size, Size: uint64(len(names))},
	}
	var out bytes.Buffer
	for _, part := range []any{h, sections, dynamic, names} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestANativeModuleForAnotherCLibraryStaysOut(t *testing.T) {
	t.Parallel()
	pl := packagertest.Local("nodejs20")
	if pl.OS != "linux" {
		t.Skip("there are several C libraries on Linux only")
	}
	cpu := map[string]string{"amd64": "x64", "arm64": "arm64"}[pl.Arch]
	const bound = `"version":"1.0.0","os":["linux"],"main":"index.node"`
	for name, other := range map[string]string{"as Rust names it": "libc.so", "as Alpine names it": "libc.musl-x86_64.so.1"} {
		t.Run(name, func(t *testing.T) {
			gnu, musl := "node_modules/@db/linux-"+cpu+"-gnu/", "node_modules/@db/linux-"+cpu+"-musl/"
			root := packagertest.Project(t, "app.js", "exports.db = require('db'); exports.fetch = () => {};", "package.json", `{"dependencies":{"db":"1"}}`,
				"node_modules/db/package.json", `{"name":"db","version":"1.0.0","optionalDependencies":{"@db/linux-`+cpu+`-gnu":"1","@db/linux-`+cpu+`-musl":"1"}}`, "node_modules/db/index.js", "",
				gnu+"package.json", `{"name":"@db/linux-`+cpu+`-gnu",`+bound+`}`, gnu+"index.node", library(t, "libgcc_s.so.1", "libc.so.6"),
				musl+"package.json", `{"name":"@db/linux-`+cpu+`-musl",`+bound+`}`, musl+"index.node", library(t, "libgcc_s.so.1", other),
				"node_modules/db/own.node", library(t, "libc.so.6"), "node_modules/db/own-musl.node", library(t, other))
			files := contents(t, build(t, newPackager(t, root), packagertest.Node("app.js")))
			for file, here := range map[string]bool{
				gnu + "index.node": pl.Libc != "musl", musl + "index.node": pl.Libc == "musl", musl + "package.json": pl.Libc == "musl",
				"node_modules/db/own-musl.node": pl.Libc == "musl", "node_modules/db/index.js": true,
			} {
				if _, there := files[file]; there != here {
					t.Errorf("%s: in the package is %v, want %v", file, there, here)
				}
			}
		})
	}
}
