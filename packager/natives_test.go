package packager

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// library is a shared library for this machine that needs others.
func library(t *testing.T, needs ...string) string { return libraryOf(t, nil, needs...) }

// libraryOf is one that exports symbols as well.
func libraryOf(t *testing.T, symbols []string, needs ...string) string {
	t.Helper()
	names, dynamic := []byte{0}, []elf.Dyn64{}
	for _, name := range needs {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(len(names))})
		names = append(names, name+"\x00"...)
	}
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	table := []elf.Sym64{{}}
	for _, name := range symbols {
		table = append(table, elf.Sym64{Name: uint32(len(names)), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1})
		names = append(names, name+"\x00"...)
	}
	const head, section, pair, symbol = 64, 64, 16, elf.Sym64Size
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: head,
		Shoff: head, Shentsize: section, Shnum: 4, Shstrndx: 2,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	data := uint64(head + 4*section)
	size, tabled := uint64(len(dynamic)*pair), uint64(len(table)*symbol)
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_DYNAMIC), Off: data, Size: size, Link: 2, Entsize: pair},
		{Type: uint32(elf.SHT_STRTAB), Off: data + size + tabled, Size: uint64(len(names))},
		{Type: uint32(elf.SHT_DYNSYM), Off: data + size, Size: tabled, Link: 2, Entsize: symbol},
	}
	var out bytes.Buffer
	for _, part := range []any{h, sections, dynamic, table, names} {
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

// native is an installed package with a native module that exports symbols.
func native(t *testing.T, name string, symbols ...string) []string {
	t.Helper()
	dir := "node_modules/" + name + "/"
	return []string{
		dir + "package.json", `{"name":"` + name + `","version":"1.0.0"}`, dir + "binding.gyp", "", dir + "index.js", "",
		dir + "build/Release/" + name + ".node", libraryOf(t, symbols, "libc.so.6"),
	}
}

// onNode is Linux with glibc and this machine's CPU, and a version of Node.
func onNode(version string) Platform {
	return Platform{OS: "linux", Arch: runtime.GOARCH, Libc: "glibc", Runtime: manifest.Runtime("nodejs" + version), Shim: "local"}
}

func TestANativeModuleForAnotherVersionOfNodeIsInstalledForTheFunctions(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "npm")
	root := packagertest.Project(t, append(native(t, "db", "node_register_module_v115"),
		"node_modules/db/build/Release/extension.node", libraryOf(t, []string{"sqlite3_extension_init"}, "libc.so.6"), // no module of Node's
		"app.js", "exports.db = require('db'); exports.fetch = () => {};", "package.json", `{"dependencies":{"db":"1"}}`,
		".npmrc", "registry=http://127.0.0.1:1/\nfetch-retries=0\n")...)
	if _, err := anew(newPackager(t, root)).Build(context.Background(), packagertest.Node("app.js"), onNode("20")); err != nil {
		t.Errorf("Node 20, for which it was built: %v", err)
	}
	_, err := anew(newPackager(t, root)).Build(context.Background(), packagertest.Node("app.js"), onNode("22"))
	packagertest.Contains(t, packagertest.Problem(t, err).Message, "installing db@1.0.0 for")
}

func TestANativeModuleOfAnOlderFormIsForTheVersionOfNodeThatWasNotedBesideIt(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "npm")
	root := packagertest.Project(t, append(native(t, "db", "node_module_register"),
		"node_modules/db/build/config.gypi", "# Do not edit.\n{\"variables\": {\"node_module_version\": 115}}\n",
		"app.js", "exports.db = require('db'); exports.fetch = () => {};", "package.json", `{"dependencies":{"db":"1"}}`,
		".npmrc", "registry=http://127.0.0.1:1/\nfetch-retries=0\n")...)
	for version, fits := range map[string]bool{"20": true, "22": false} {
		if _, err := anew(newPackager(t, root)).Build(context.Background(), packagertest.Node("app.js"), onNode(version)); (err == nil) != fits {
			t.Errorf("Node %s: %v", version, err)
		}
	}
}

func TestANativeModuleThatKeepsToNodeAPIIsForEachVersionOfNode(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, append(native(t, "db", "node_register_module_v115", "napi_register_module_v1"),
		"app.js", "exports.db = require('db'); exports.fetch = () => {};", "package.json", `{"dependencies":{"db":"1"}}`)...)
	if _, err := anew(newPackager(t, root)).Build(context.Background(), packagertest.Node("app.js"), onNode("22")); err != nil {
		t.Error(err)
	}
}

func TestAnOptionalPackageThatCannotBeHadForThePlatformIsLeftOut(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "npm")
	root := packagertest.Project(t, append(append(native(t, "fast", "node_register_module_v115"), native(t, "db", "napi_register_module_v1")...),
		"node_modules/db/package.json", `{"name":"db","version":"1.0.0","optionalDependencies":{"fast":"1"}}`,
		"app.js", "exports.db = require('db'); exports.fetch = () => {};", "package.json", `{"dependencies":{"db":"1"}}`,
		".npmrc", "registry=http://127.0.0.1:1/\nfetch-retries=0\n")...)
	a, err := anew(newPackager(t, root)).Build(context.Background(), packagertest.Node("app.js"), onNode("22"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) != 1 {
		t.Fatalf("%v", a.Warnings)
	}
	packagertest.Contains(t, a.Warnings[0].Message, "fast 1.0.0 is left out, which db may do without")
	if _, there := contents(t, a)["node_modules/fast/index.js"]; there {
		t.Error("it is in the package")
	}
}
