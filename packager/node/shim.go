package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/ferryfn/ferry/packager/source"
)

// shimFiles is the shim with its import of the handler resolved. Beside a bundle it is minified: it is ferry's, and nobody
// steps through it.
func (j *job) shimFiles(ctx context.Context, handler string) ([]source.File, error) {
	var out []source.File
	for name, data := range j.shim.Files {
		own, shared, _ := bytes.Cut(data, []byte("\n\n")) // which many functions have, so that it is minified once
		if !j.whole() {
			var err error
			if shared, err = j.Shims.Get(ctx, name+source.Sum(shared), func() ([]byte, error) { return minified(name, shared) }); err != nil {
				return nil, err
			}
		}
		own = bytes.Replace(own, []byte(`"ferry:handler"`), []byte(quoted("./"+handler)), 1)
		out = append(out, source.Generated(name, slices.Concat(own, []byte("\n\n"), shared)))
	}
	return out, nil
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
