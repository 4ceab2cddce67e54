// Package loopback gives tests addresses for the servers that they start.
package loopback

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// Range is ports that one test binary has for itself, so that tests of several packages do not meet. It must be one that
// systems take no ports of outgoing connections from, and none of the local platform, which takes 10000 to 29999: then a
// port stays free until the program that it was chosen for listens. Several runs of that binary at once do not meet either:
// each claims a port by its twin, that of UDP, until the test ends.
type Range struct {
	First, Count int
	next         atomic.Uint32
}

// Free returns an address that nobody listens on, and that nobody else gets before the test ends.
func (r *Range) Free(t testing.TB) string {
	t.Helper()
	address, release, err := r.Claim()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}

// Claim returns an address that nobody listens on, and that nobody else gets before it is released.
func (r *Range) Claim() (address string, release func(), err error) {
	for range r.Count {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(r.First+int(r.next.Add(1))%r.Count))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address, func() { _ = claim.Close() }, nil
		}
		_ = claim.Close()
	}
	return "", nil, errors.New("no port is free")
}
