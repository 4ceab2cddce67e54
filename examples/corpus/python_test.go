//go:build unix

package corpus_test

// pythonPrograms are those in Python.
func pythonPrograms() []program {
	return []program{}
}
