package providers

import "github.com/ferryfn/ferry/manifest"

// Concealed are the values of a function's environment that are never printed.
func Concealed(fn manifest.Function) []string {
	var values []string
	for _, name := range fn.Masked {
		if value := fn.Env[name]; value != "" {
			values = append(values, value)
		}
	}
	return values
}
