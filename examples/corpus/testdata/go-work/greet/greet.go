// Package greet has texts.
package greet

import (
	"cmp"

	"example.com/work/greet/internal/words"
)

// Text greets.
func Text(name string) string { return words.Hello + ", " + name }

// Largest is the largest of values.
func Largest[T cmp.Ordered](values []T) (largest T) {
	for _, v := range values {
		largest = max(largest, v)
	}
	return largest
}
