// Package pattern has regular expressions that cost nothing until they are used: most commands use few of them.
package pattern

import (
	"regexp"
	"sync"
)

// Of is a regular expression that is compiled at its first use. It panics then if it is none, as regexp.MustCompile does.
func Of(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
