//go:build unix

package platform

import (
	"net"
	"slices"
	"testing"
)

// free is a port that no platform takes while the test lasts.
func free(t *testing.T) int {
	t.Helper()
	pool := newPortPool()
	port, err := pool.take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.give(port) })
	return port
}

func TestInstancesGetPortsThatNoOutgoingConnectionCanTake(t *testing.T) {
	t.Parallel()
	p := newPortPool()
	var got []int
	for range 100 {
		port, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		if port < firstInstancePort || port >= firstPort || slices.Contains(got, port) {
			t.Fatalf("port %d after %v", port, got)
		}
		got = append(got, port)
	}
}

func TestAPortThatAnotherProgramHasIsPassedOver(t *testing.T) {
	t.Parallel()
	p := newPortPool()
	first, err := p.take()
	if err != nil {
		t.Fatal(err)
	}
	next := firstInstancePort + p.next
	if l, err := net.Listen("tcp4", loopback(next)); err == nil { // else another program has it already
		defer l.Close()
	}
	second, err := p.take()
	if err != nil || second == first || second == next {
		t.Fatalf("got %d after %d, with %d taken: %v", second, first, next, err)
	}
}

func TestPlatformsOfTwoHomesNeverChooseOnePort(t *testing.T) {
	one, two := newPortPool(), newPortPool()
	two.next = one.next
	a, err := one.take()
	if err != nil {
		t.Fatal(err)
	}
	b, err := two.take()
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Errorf("both chose %d", a)
	}
	one.give(a)
	two.give(b)
	two.next = a - firstInstancePort
	if c, err := two.take(); err != nil || c != a {
		t.Errorf("%d was given back, and %d is taken: %v", a, c, err)
	} else {
		two.give(c)
	}
}

func TestAPortThatAnotherProgramHasForIPv6AloneIsTaken(t *testing.T) {
	t.Parallel()
	port := free(t)
	l, err := net.Listen("tcp6", loopback6(port))
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	defer l.Close()
	wantCode(t, PortFree(shop, "", port), CodePort)
	_, _, err = listen("", shop, "", port, nil)
	wantCode(t, err, CodePort)
	if free, err := net.Listen("tcp4", loopback(port)); err != nil {
		t.Errorf("what was refused is held all the same: %v", err)
	} else {
		_ = free.Close()
	}
}
