package manifest

import (
	"fmt"
	"strings"
)

// Suggest names the option that was probably meant, or all of them when they are few.
func Suggest(word string, options []string) string {
	if near := nearest(word, options); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(options) == 0 || len(options) > 20 {
		return ""
	}
	if len(options) == 1 {
		return "use " + options[0]
	}
	return "use one of " + strings.Join(options, ", ")
}

// nearest returns the option closest to word, or "" when none is close: a third of its letters may differ, or all that follow
// a beginning that only one option shares.
func nearest(word string, options []string) string {
	word = strings.ToLower(word)
	best, bound := "", len(word)/3+1
	if begun := beginning(word, options); begun != "" {
		best, bound = begun, 1
	}
	for _, o := range options {
		if d := distance(word, strings.ToLower(o), bound); d <= bound && d < len(o) {
			best, bound = o, d-1
		}
	}
	return best
}

// beginning returns the only option that begins as most of the word does, or that the word begins with.
func beginning(word string, options []string) (only string) {
	for _, o := range options {
		begun := len(word) > 3 && strings.HasPrefix(strings.ToLower(o), word[:len(word)*4/5])
		if !begun && (len(o) < 3 || !strings.HasPrefix(word, strings.ToLower(o))) {
			continue
		}
		if only != "" {
			return ""
		}
		only = o
	}
	return only
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour to turn a
// into b; above bound it is bound+1.
func distance(a, b string, bound int) int {
	if bound < 0 || len(a)-len(b) > bound || len(b)-len(a) > bound {
		return bound + 1
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
			least = min(least, cur[j])
		}
		if least > bound {
			return bound + 1
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
