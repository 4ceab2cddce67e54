package platform

import (
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"sync"
)

// Ports of services lie in this range, below the one that systems take ports of outgoing connections from.
const (
	firstPort = 20000
	portCount = 10000
)

// listen opens a service's listener. A port that is given must be had; else the first free one counted
// from a place that the home and the service determine, so that the same one comes out again.
func listen(h Home, s Scope, port int, taken func(int) bool) (net.Listener, int, error) {
	if port != 0 {
		l, err := net.Listen("tcp4", loopback(port))
		if err != nil {
			return nil, 0, portError(port, s, err)
		}
		return l, port, nil
	}
	sum := fnv.New32a()
	_, _ = fmt.Fprintf(sum, "%s\x00%s", h, s)
	start := int(sum.Sum32() % portCount)
	var last error
	for i := range portCount {
		port := firstPort + (start+i)%portCount
		if taken(port) {
			continue
		}
		l, err := net.Listen("tcp4", loopback(port))
		if err == nil {
			return l, port, nil
		}
		last = err
	}
	return nil, 0, fmt.Errorf("finding a free port for %s: %w", s, last)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func portError(port int, s Scope, err error) *Error {
	message := fmt.Sprintf("port %d, which is kept for %s, is taken", port, s)
	if who := listener(port); who != "" {
		message += " by " + who
	} else {
		message += ": " + err.Error()
	}
	return &Error{Code: CodePort, Port: port, Message: message, err: err}
}

// portPool hands out loopback ports for instances, none of them twice at a time.
type portPool struct {
	mu   sync.Mutex
	used map[int]bool
}

func (p *portPool) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if !p.used[port] {
			p.used[port] = true
			return port, nil
		}
	}
}

func (p *portPool) give(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, port)
}
