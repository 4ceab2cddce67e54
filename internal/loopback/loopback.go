// Package loopback gives tests addresses for the servers that they start.
package loopback

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// Range is ports that one test binary has for itself, so that tests of several packages do not meet. It must be one that
// systems take no ports of outgoing connections from, and none of the local platform, which takes 10000 to 29999: then a
// port stays free until the program that it was chosen for listens.
type Range struct {
	First, Count int
	next         atomic.Uint32
}

// Free returns an address that nobody listens on, and not the same one again soon.
func (r *Range) Free(t testing.TB) string {
	t.Helper()
	for range r.Count {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(r.First+int(r.next.Add(1))%r.Count))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
