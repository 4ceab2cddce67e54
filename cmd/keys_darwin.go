package cmd

import "golang.org/x/sys/unix"

// What a terminal is asked for its mode by.
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
