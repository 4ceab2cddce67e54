package platform

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Ports of services lie in this range, below the one that systems take ports of outgoing connections from.
const (
	firstPort = 20000
	portCount = 10000
)

// listen opens the listener of a service, or of one of its functions. A port that is given must be had; else the first free
// one counted from a place that the home and the names determine, so that the same one comes out again.
func listen(h Home, s Scope, function string, port int, taken func(int) bool) (listeners, int, error) {
	if port != 0 {
		l, err := listenAt(port)
		if err != nil {
			return nil, 0, portError(port, s, function, err)
		}
		return l, port, nil
	}
	sum := fnv.New32a()
	_, _ = fmt.Fprintf(sum, "%s\x00%s", h, s)
	if function != "" {
		_, _ = fmt.Fprintf(sum, "\x00%s", function)
	}
	start := int(sum.Sum32() % portCount)
	var last error
	for i := range portCount {
		port := firstPort + (start+i)%portCount
		if taken(port) {
			continue
		}
		l, err := listenAt(port)
		if err == nil {
			return l, port, nil
		}
		last = err
	}
	return nil, 0, fmt.Errorf("finding a free port for %s: %w", s, last)
}

// listeners are at one port of this machine's loopback: for IPv4 and, where the machine has it, for IPv6, which clients may
// try first or alone for localhost.
type listeners []net.Listener

func listenAt(port int) (listeners, error) {
	four, err := net.Listen("tcp4", loopback(port))
	if err != nil {
		return nil, err
	}
	six, err := net.Listen("tcp6", loopback6(port))
	switch {
	case err == nil:
		return listeners{four, six}, nil
	case errors.Is(err, syscall.EADDRINUSE): // who asks for localhost would meet another program
		return nil, errors.Join(err, four.Close())
	}
	return listeners{four}, nil
}

func (l listeners) close() {
	for _, one := range l {
		_ = one.Close()
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func loopback6(port int) string { return net.JoinHostPort("::1", strconv.Itoa(port)) }

// PortFree fails when something answers at a port that a service, or one of its functions, is to have. It does not take the
// port, so that it is in nobody's way. 0 is any port.
func PortFree(s Scope, function string, port int) error {
	if port == 0 {
		return nil
	}
	for _, address := range []string{loopback(port), loopback6(port)} {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return portError(port, s, function, c.Close())
		}
	}
	return nil
}

func portError(port int, s Scope, function string, err error) *Error {
	message := fmt.Sprintf("port %d, which is kept for %s, ", port, s)
	switch who := listener(port); {
	case who != "":
		message += "is taken by " + who
	case err == nil || errors.Is(err, syscall.EADDRINUSE):
		message += "is taken by another program"
	default:
		message += "cannot be had: " + err.Error()
	}
	return &Error{Code: CodePort, Function: function, Port: port, Message: message, err: err}
}

// Ports of instances lie below both: a port that no outgoing connection can take between its choice and the
// moment when the instance listens.
const (
	firstInstancePort = 10000
	instancePortCount = firstPort - firstInstancePort
)

// portPool hands out loopback ports for instances, none of them twice at a time on this machine: the pool holds the UDP
// port of the same number until it is given back, so that the platform of another home cannot take one between its
// choice and the moment when the instance listens. Pools begin at places of their own and go round.
type portPool struct {
	mu   sync.Mutex
	next int
	used map[int]net.PacketConn
}

func newPortPool() *portPool {
	return &portPool{next: rand.IntN(instancePortCount), used: map[int]net.PacketConn{}}
}

func (p *portPool) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last error
	for range instancePortCount {
		port := firstInstancePort + p.next
		p.next = (p.next + 1) % instancePortCount
		hold, err := net.ListenPacket("udp4", loopback(port))
		if err != nil {
			last = err
			continue
		}
		l, err := net.Listen("tcp4", loopback(port))
		if err != nil {
			_ = hold.Close()
			last = err
			continue
		}
		_ = l.Close()
		p.used[port] = hold
		return port, nil
	}
	return 0, fmt.Errorf("finding a free port for an instance: %w", last)
}

func (p *portPool) give(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hold, ok := p.used[port]; ok {
		_ = hold.Close()
		delete(p.used, port)
	}
}
