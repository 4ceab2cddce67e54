package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/evanw/esbuild/pkg/api"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/internal/regular"
	"github.com/ferryfn/ferry/packager/source"
)

// shimFiles is the shim, whose import of a handler is still to be resolved by the function that it returns: it is made while
// the handler is bundled. Beside a bundle it is minified: it is ferry's, and nobody steps through it.
func (j *job) shimFiles(ctx context.Context) func(handler string) ([]source.File, error) {
	type parts struct{ own, shared []byte }
	files := map[string]parts{}
	var work errgroup.Group
	work.Go(func() error {
		for name, data := range j.shim.Files {
			own, shared, _ := bytes.Cut(data, []byte("\n\n")) // which many functions have, so that it is minified once
			if !j.whole() {
				var err error
				if shared, err = j.Shims.Get(ctx, name+source.Sum(shared), func() ([]byte, error) { return minified(name, shared) }); err != nil {
					return err
				}
			}
			files[name] = parts{own, shared}
		}
		return nil
	})
	return func(handler string) (out []source.File, err error) {
		err = work.Wait()
		for name, p := range files {
			own := bytes.Replace(p.own, []byte(`import("ferry:handler")`), []byte(j.loading(handler)), 1)
			out = append(out, source.Generated(name, slices.Concat(own, []byte("\n\n"), p.shared)))
		}
		return out, err
	}
}

// loading is the expression that loads a handler. One that asks for its parent is required first, for what is imported has none.
func (j *job) loading(handler string) string {
	name := quoted("./" + handler)
	if j.whole() {
		code, err := regular.Read(filepath.Join(j.Dir, filepath.FromSlash(handler)))
		if err == nil && asksForParent(string(code)) && j.likelyFormat(handler) == api.FormatCommonJS {
			return "(required(" + name + "), import(" + name + "))"
		}
	}
	return "import(" + name + ")"
}

func minified(name string, code []byte) ([]byte, error) {
	result := api.Transform(string(code), api.TransformOptions{
		Sourcefile: name, Loader: api.LoaderJS, Format: api.FormatESModule, Target: api.ES2022, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, LegalComments: api.LegalCommentsNone, LogLevel: api.LogLevelSilent,
		TreeShaking: api.TreeShakingTrue, // a style does not call all that a target has
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("minifying %s: %s", name, result.Errors[0].Text)
	}
	return result.Code, nil
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(data)
}
