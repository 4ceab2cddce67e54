package local

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/ferryfn/ferry/providers/local/platform"
)

// snapshot remembers the table that was read last, as long as it is what is on the disk: the state of a
// hundred functions costs one reading.
type snapshot struct {
	mu    sync.Mutex
	file  *os.File // held open, so that no other file can be taken for it
	table platform.Table
}

func (s *snapshot) read(h platform.Home, scope platform.Scope) (platform.Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh(h, scope) {
		return s.table, nil
	}
	// Opened before it is read: a table that is newer than the file is only read once more than needed.
	f, err := os.Open(h.TableFile(scope))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return platform.Table{}, err
	}
	t, err := h.Table(scope)
	if s.file != nil {
		_ = s.file.Close()
	}
	s.file, s.table = f, t
	if err != nil {
		_ = f.Close()
		s.file = nil
	}
	return t, err
}

func (s *snapshot) fresh(h platform.Home, scope platform.Scope) bool {
	if s.file == nil {
		return false
	}
	then, err := s.file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(h.TableFile(scope))
	return err == nil && os.SameFile(then, now)
}
