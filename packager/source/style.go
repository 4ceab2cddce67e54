package source

import (
	"github.com/ferryfn/ferry/manifest"
)

// AnotherStyle is the error of a handler that shows to be written for a style which the manifest does not name.
func AnotherStyle(file string, fn manifest.Function, shows string, style manifest.Style) error {
	return Problem(file, "add `style: "+string(style)+"` to the function in ferry.yaml", "%s: %s, and the style is %s", fn.Handler, shows, fn.Style)
}
