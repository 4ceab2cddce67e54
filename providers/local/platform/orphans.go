package platform

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// remember notes an instance's process, so that a later platform can end it if this one is killed: by the file's name, and
// what it started by its content.
func (h Home) remember(pid int, nonce string) string {
	path := h.own("instances", strconv.Itoa(pid)+"-"+startTime(pid))
	_ = os.MkdirAll(filepath.Dir(path), 0o700)
	_ = os.WriteFile(path, []byte(nonce), 0o600)
	return path
}

// sweep ends what a killed platform left running, and deletes its temporary folders and sockets.
func (h Home) sweep() {
	entries, _ := os.ReadDir(h.own("instances"))
	for _, e := range entries {
		id, started, _ := strings.Cut(e.Name(), "-")
		pid, err := strconv.Atoi(id)
		// A group without its leader is what remains of ours: no process gets the id of a living group.
		if now := startTime(pid); err == nil && pid > 1 && (now == started || now == "") {
			killGroup(pid)
		}
		if nonce, err := os.ReadFile(h.own("instances", e.Name())); err == nil && len(nonce) > 0 {
			killStrays(string(nonce))
		}
		_ = os.Remove(h.own("instances", e.Name()))
	}
	_ = os.RemoveAll(h.own("tmp"))
	_ = os.RemoveAll(h.own("sockets"))
	h.sweepRevisions()
}

// sweepRevisions deletes what kills left of revisions that were being stored or deleted.
func (h Home) sweepRevisions() {
	folders, _ := filepath.Glob(h.path("services", "*", "*", "revisions"))
	functions, _ := filepath.Glob(h.path("services", "*", "*", "revisions", "*"))
	for _, dir := range slices.Concat([]string{h.staging()}, folders, functions) {
		sweepOld(dir)
	}
}
