package source

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"path/filepath"
	"runtime"

	"github.com/ferryfn/ferry/manifest"
)

// Platform is what a package is built for.
type Platform struct {
	Shim    string           `json:"shim"`            // the target whose entry shim goes in
	OS      string           `json:"os"`              // as GOOS names it
	Arch    string           `json:"arch"`            // as GOARCH names it
	Libc    string           `json:"libc,omitempty"`  // of linux: glibc or musl; "" is glibc
	Glibc   int              `json:"glibc,omitempty"` // the minor version of glibc 2 there; 0 is not known
	Runtime manifest.Runtime `json:"runtime"`         // what will run it: on the local platform the interpreter found
	Source  bool             `json:"source,omitempty"`
	Scripts bool             `json:"scripts,omitempty"` // it starts scripts: the interpreter that "#!" names is there
	// AnswersCORS says that the ingress answers preflights and adds the headers of CORS itself.
	AnswersCORS bool `json:"answers_cors,omitempty"`
	// MaxZip and MaxUnzipped are bytes; 0 is no limit.
	MaxZip      int64 `json:"max_zip,omitempty"`
	MaxUnzipped int64 `json:"max_unzipped,omitempty"`
}

// CLibrary is the C library that programs find there, "" where there is no choice.
func (p Platform) CLibrary() string {
	switch {
	case p.OS != "linux":
		return ""
	case p.Libc != "":
		return p.Libc
	default:
		return "glibc"
	}
}

// NewestGlibc is the minor version of glibc 2 that programs may need there: where it is not known what the images of all
// clouds have.
func (p Platform) NewestGlibc() int { return cmp.Or(p.Glibc, 28) }

// OnHost is the platform with this machine as what it runs on, which starts scripts as well.
func (p Platform) OnHost() Platform {
	p.OS, p.Arch, p.Libc, p.Glibc, p.Scripts = runtime.GOOS, runtime.GOARCH, hostLibc(), 0, true
	return p
}

// IsHost reports whether what is installed on this machine runs there.
func (p Platform) IsHost() bool {
	return p.OS == runtime.GOOS && p.Arch == runtime.GOARCH && (p.OS != "linux" || p.CLibrary() == hostLibc())
}

// hostLibc is the C library of this machine, "" where it is not Linux.
func hostLibc() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	if Exists("/etc/debian_version") { // which may have musl installed beside its own, and is asked first: /lib is long there
		return "glibc"
	}
	if found, err := filepath.Glob("/lib/ld-musl-*"); err == nil && len(found) > 0 {
		return "musl"
	}
	return "glibc"
}

// Describe names the machine.
func (p Platform) Describe() string {
	if p.CLibrary() == "" {
		return p.OS + "/" + p.Arch
	}
	return p.OS + "/" + p.Arch + " with " + p.CLibrary()
}

// Machine is the system and machine that a file is a program for, from its first 20 bytes; "" when it is none.
// A machine of "" is several or an unknown one.
func Machine(head []byte) (system, machine string) {
	switch {
	case len(head) < 20:
		return "", ""
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "linux", map[uint16]string{uint16(elf.EM_X86_64): "amd64", uint16(elf.EM_AARCH64): "arm64"}[binary.LittleEndian.Uint16(head[18:])]
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return "darwin", map[uint32]string{0x01000007: "amd64", 0x0100000c: "arm64"}[binary.LittleEndian.Uint32(head[4:])]
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")) && head[7] < 45:
		return "darwin", ""
	case bytes.HasPrefix(head, []byte("MZ")):
		return "windows", ""
	}
	return "", ""
}
