// Package shout is of another module.
package shout

import "strings"

// Loud is the text in capitals.
func Loud(text string) string { return strings.ToUpper(text) + "!" }
