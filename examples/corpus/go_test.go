//go:build unix

package corpus_test

// goPrograms are those in Go.
func goPrograms() []program {
	return []program{}
}
