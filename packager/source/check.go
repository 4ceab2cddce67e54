package source

import (
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Verdict is what a look at inputs finds.
type Verdict int

// The verdicts.
const (
	Stale     Verdict = iota
	Unchanged         // by its time stamp
	Restamped         // by its content; the stamp is new
)

// Check looks at inputs that were recorded at a moment, several at once when they are many, and updates their stamps.
func Check(inputs []Input, h *Hashes, recorded, now time.Time) Verdict {
	workers := min(runtime.GOMAXPROCS(0), 1+len(inputs)/500)
	share := (len(inputs) + workers - 1) / max(workers, 1)
	var gone, renewed atomic.Bool
	var group sync.WaitGroup
	for from := 0; from < len(inputs); from += share {
		part := inputs[from:min(from+share, len(inputs))]
		group.Go(func() {
			for i := range part {
				switch part[i].check(h, recorded, now) {
				case Stale:
					gone.Store(true)
				case Restamped:
					renewed.Store(true)
				case Unchanged:
				}
				if gone.Load() {
					return
				}
			}
		})
	}
	group.Wait()
	switch {
	case gone.Load():
		return Stale
	case renewed.Load():
		return Restamped
	default:
		return Unchanged
	}
}

// check looks at an input that was recorded at a moment, and updates its stamp.
func (in *Input) check(h *Hashes, recorded, now time.Time) Verdict {
	if in.Kind == "l" {
		if target, err := os.Readlink(in.Path); err != nil || sumOf(target) != in.Sum {
			return Stale
		}
		return Unchanged
	}
	if in.Kind == "b" {
		return map[bool]Verdict{true: Unchanged, false: Stale}[isSaved(in.Path)]
	}
	info, err := os.Stat(in.Path)
	if err != nil || info.IsDir() != (in.Kind == "d") {
		return Stale
	}
	if in.Same(info) && info.ModTime().Before(recorded.Add(-Racy)) {
		return Unchanged
	}
	if in.Kind == "f" && in.Size != info.Size() {
		return Stale
	}
	if in.current(h, info, now) != in.Sum {
		return Stale
	}
	in.Stamp(info)
	return Restamped
}

func (in *Input) current(h *Hashes, info fs.FileInfo, now time.Time) string {
	take := contentOf
	if in.Kind == "d" {
		take = namesIn
	}
	sum, err := h.sum(in.Path, info, now, take)
	if err != nil {
		return ""
	}
	return sum
}
