package packager

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ferryfn/ferry/packager/source"
)

// install returns the folder of an installation, which fill makes where nobody did before. Functions that ask for the
// same share it.
func (p *Packager) install(ctx context.Context, i source.Installation, fill func(dir string) error) (string, error) {
	c := cache{dir: p.Cache}
	key := source.DigestOf(append([]any{format}, i.Of...)...)[:40]
	dir := filepath.Join(c.dir, i.Kind, key)
	unlock, err := c.lockIn(ctx, "locks", i.Kind+"-"+key[:2])
	if err != nil {
		return "", err
	}
	defer unlock()
	anew := i.Floats && p.NoCache && !p.shared.commands.done(dir)
	if info, err := os.Stat(dir); err == nil && !anew {
		touch(dir, info)
		return dir, nil
	}
	tmp, err := c.tmpDir()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", err
	}
	if err := noteSize(tmp); err != nil {
		return "", source.WriteProblem(c.dir, err)
	}
	if anew {
		c.drop(dir)
	}
	if err := c.install(tmp, dir); err != nil {
		return "", err
	}
	p.shared.commands.note(dir)
	return dir, nil
}

// noteSize writes into a folder of the cache how large it is, so that nobody needs to count.
func noteSize(dir string) error {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "size"), strconv.AppendInt(nil, size, 10), 0o600)
}
