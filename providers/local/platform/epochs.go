package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
)

// Writer says for which ledger a write is made, and under which of its locks.
type Writer struct {
	Ledger string `json:"ledger"` // of the scope; others have epochs of their own
	Epoch  int64  `json:"epoch"`
}

// epochs are the highest that the platform was shown, by ledger. They outlive the services, so that a write that was
// overtaken by a removal is refused as well.
type epochs struct {
	file string

	mu    sync.Mutex
	shown map[string]int64
}

func (h Home) epochsFile() string { return h.own("epochs.json") }

func (h Home) epochs() (map[string]int64, error) {
	shown := map[string]int64{}
	err := readJSON(h.epochsFile(), &shown)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmpty) {
		err = nil
	}
	return shown, err
}

func ledgerOf(s Scope, name string) string { return s.String() + "/" + name }

// Epoch is the highest that the platform was shown for a ledger; 0 is none. It needs no running platform.
func (h Home) Epoch(s Scope, ledger string) (int64, error) {
	shown, err := h.epochs()
	return shown[ledgerOf(s, ledger)], err
}

// Admit refuses a writer that was overtaken.
func (h Home) Admit(s Scope, w Writer) error {
	shown, err := h.Epoch(s, w.Ledger)
	if err == nil && w.Epoch < shown {
		err = overtaken(s, w, shown)
	}
	return err
}

func overtaken(s Scope, w Writer, shown int64) error {
	return failed(CodeConflict, "", "another command took over from this one for %s: its epoch is %d, this one's %d", s, shown, w.Epoch)
}

// admit refuses a writer that was overtaken, and keeps the epoch of another one before it writes. The lock of the
// scope's service is held, so that no older write is under way when it returns. The epoch survives every kill; it need not survive a loss
// of power, which no writer of this machine does.
func (e *epochs) admit(s Scope, w Writer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := ledgerOf(s, w.Ledger)
	switch shown := e.shown[key]; {
	case w.Epoch < shown:
		return overtaken(s, w, shown)
	case w.Epoch == shown:
		return nil
	}
	next := maps.Clone(e.shown)
	next[key] = w.Epoch
	data, err := json.Marshal(next)
	var f *os.File
	if err == nil {
		f, err = draft(e.file, data)
	}
	if err == nil {
		err = install(f, e.file, nil)
	}
	if err != nil {
		return fmt.Errorf("keeping the epoch of %s: %w", s, err)
	}
	e.shown = next
	return nil
}
