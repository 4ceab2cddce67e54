package golang

import (
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/waits"
	"github.com/ferryfn/ferry/packager/packagertest"
)

func TestABuildSaysWhatItWaitsFor(t *testing.T) {
	packagertest.Needs(t, "go")
	root := packagertest.Project(t, "go.mod", "module example.com/shop\n\ngo 1.24\n", "main.go", "package main\n\nfunc main() {}\n")
	board := &waits.Board{}
	j := &job{Job: packagertest.Job(t, root, packagertest.Go("."))}
	done := make(chan error)
	go func() { done <- j.compile(board.Context(t.Context()), root, []string{"-o", t.TempDir() + "/out", "."}) }()
	var said string
	packagertest.Poll(t, func() bool {
		for _, e := range board.Before(time.Now()) {
			said = e.For
		}
		return said != ""
	})
	packagertest.Contains(t, said, "standard library")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if left := board.Before(time.Now()); len(left) > 0 {
		t.Errorf("it waits for ever: %v", left)
	}
}
