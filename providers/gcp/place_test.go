package gcp

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// project is a stand-in for Google Cloud, as seen by this adapter.
type project struct{ *gcptest.Server }

func newProject(t testing.TB) project { return project{gcptest.New(t)} }

// block is the target's block, with more in it.
func (p project) block(more ...map[string]any) *manifest.Node {
	all := map[string]any{"project": gcptest.Project, "region": gcptest.Region}
	for _, m := range more {
		maps.Copy(all, m)
	}
	return blockOf(all)
}

func blockOf(v any) *manifest.Node {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	node := new(manifest.Node)
	if err := json.Unmarshal(data, node); err != nil {
		panic(err)
	}
	return node
}

// adapter is a process of its own that deploys to the project.
func (p project) adapter(t testing.TB, more ...map[string]any) *Adapter {
	t.Helper()
	a, err := New(providers.Config{Service: "shop", Stage: "dev", Target: "gcp", Block: p.block(more...), Env: p.Lookup})
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Adapter)
}

// lose loses the reply of the next request for one of these operations.
func (p project) lose(operations ...string) {
	var lost atomic.Bool
	p.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || lost.Swap(true) {
			return standin.Fault{}
		}
		return standin.LoseReply()
	})
}

// hold has the next request for one of these operations wait on its way.
func (p project) hold(operations ...string) (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	p.Intercept(func(call standin.Call) standin.Fault {
		if !slices.Contains(operations, call.Operation) || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Hold(goes)
	})
	return waits, sync.OnceFunc(func() { close(goes) })
}
