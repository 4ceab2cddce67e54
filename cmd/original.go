package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/templates"
)

// live is a function that a provider is asked for.
type live struct {
	provider providers.Provider
	name     string // the provider's own
}

// live tells a source such as aws:hello from a file.
func (o *importOptions) live(source string) (live, bool) {
	before, name, found := strings.Cut(source, ":")
	if _, err := os.Lstat(source); !found || name == "" || err == nil {
		return live{}, false
	}
	all := o.app.Providers()
	at := slices.IndexFunc(all, func(p providers.Provider) bool { return p.Name == before })
	if at < 0 {
		return live{}, false
	}
	return live{all[at], name}, true
}

// runLive takes over the code of a function into a folder of its own, which is there as a whole or not at all.
func (o *importOptions) runLive(ctx context.Context, of live) (result, error) {
	if !of.provider.Reads {
		return nil, usagef("name a file that describes it", "functions of the provider %s are not read", of.provider.Name)
	}
	folder := migrate.Folder(of.name)
	into := filepath.Join(o.app.dir(), folder)
	if !o.dryRun {
		if err := vacant(into, "choose another folder to import into with --dir, or look with --dry-run"); err != nil {
			return nil, err
		}
	}
	reader, err := o.reader(of.provider, folder)
	if err != nil {
		return nil, err
	}
	var r importResult
	take := func(dir string) error {
		made, err := o.original(ctx, reader, of, dir)
		if r = resultOf(made); err != nil || o.dryRun {
			return err
		}
		_, err = o.write(dir, made.Text)
		r.File = filepath.Join(into, filepath.Base(o.manifestFile(into)))
		return err
	}
	if o.dryRun {
		err = aside("", folder, take)
	} else {
		err = whole(into, take)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// reader is the adapter of a provider, with the settings that a target would have.
func (o *importOptions) reader(p providers.Provider, service string) (providers.Reader, error) {
	home, err := o.app.home()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o.set)
	if err != nil {
		return nil, err
	}
	block := new(manifest.Node)
	if err := json.Unmarshal(text, block); err != nil {
		return nil, err
	}
	adapter, err := configured(p, providers.Config{
		Service: service, Stage: "dev", Target: p.Name, Block: block, Home: home, Env: o.app.lookup,
		Asking: func(key, example string) string { return fmt.Sprintf("add --set %s=%q", key, example) },
	})
	if err != nil {
		return nil, err
	}
	reader, able := providers.As[providers.Reader](adapter)
	if !able {
		return nil, fmt.Errorf("the adapter of %s reads no functions", p.Name)
	}
	return reader, nil
}

// original reads a function, and unpacks its code.
func (o *importOptions) original(ctx context.Context, reader providers.Reader, of live, dir string) (migrate.Imported, error) {
	code, err := os.CreateTemp("", "ferry-import-*.zip")
	if err != nil {
		return migrate.Imported{}, fmt.Errorf("making a file for the code: %w", err)
	}
	defer os.Remove(code.Name())
	defer code.Close()
	described, err := reader.Read(ctx, of.name, code)
	if err != nil {
		return migrate.Imported{}, err
	}
	info, err := code.Stat()
	if err == nil {
		err = migrate.Unpack(code, info.Size(), dir)
	}
	if err != nil {
		return migrate.Imported{}, foreignly(err)
	}
	made, err := migrate.ImportLive(migrate.Original{
		Name: of.provider.Name + ":" + of.name, Description: described, Target: of.provider.Name, Settings: o.set,
	}, dir, "./"+templates.SchemaFile)
	return made, foreignly(err)
}

// foreignly is an error of usage for what cannot be read.
func foreignly(err error) error {
	var e *foreign.Error
	if errors.As(err, &e) {
		return usagef(e.Hint, "%s", e)
	}
	return err
}
