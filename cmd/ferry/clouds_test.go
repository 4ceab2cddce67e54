//go:build unix

package main

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/ferryfn/ferry/internal/azuretest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// cloud is a stand-in for one, as a target of a shop.
type cloud struct {
	*shop
	block     string // of the target
	env       []string
	intercept func(func(standin.Call) standin.Fault)
	activates string // the operation that makes a function live
}

func onAzure(t *testing.T) cloud {
	t.Helper()
	c := azuretest.Start(t)
	c.Polls(0)
	c.RoleLag(0)
	return cloud{newShop(t), "{provider: azure, resource_group: shop, location: westeurope}", c.Environ(), c.Intercept, "Publish"}
}

// writes makes a version of the shop whose manifest has the cloud as a target.
func (c cloud) writes(version string) {
	c.Helper()
	c.write(version)
	packagertest.Write(c.T, filepath.Join(c.dir, version, "ferry.yaml"), shopManifest+"targets:\n  cloud: "+c.block+"\n")
}

func (c cloud) deploys(version string) (int, string) {
	return ran(c.command(version, c.env, "deploy", "-t", "cloud", "-m", version))
}

// holds has the next request that makes a function live wait on its way.
func (c cloud) holds() (held <-chan struct{}, goOn func()) {
	waits, goes := make(chan struct{}), make(chan struct{})
	var met atomic.Bool
	c.intercept(func(call standin.Call) standin.Fault {
		if call.Operation != c.activates || met.Swap(true) {
			return standin.Fault{}
		}
		close(waits)
		return standin.Hold(goes)
	})
	return waits, func() { close(goes) }
}

func TestOfTwoDeploysToACloudAtOnceOneIsDoneAndTheOtherExitsWithAConflict(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) cloud{
		"Google": func(t *testing.T) cloud { return newShopOnGoogle(t).cloud() },
		"Azure":  onAzure,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			c.writes("one")
			c.writes("two")
			held, goOn := c.holds()
			first := make(chan int, 1)
			go func() {
				code, _ := c.deploys("one")
				first <- code
			}()
			<-held
			if code, out := c.deploys("two"); code != 6 {
				t.Errorf("the second exits %d: %s", code, out)
			}
			goOn()
			if code := <-first; code != 0 {
				t.Errorf("the first exits %d", code)
			}
		})
	}
}
