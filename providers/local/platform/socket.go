package platform

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/ferryfn/ferry/providers/until"
)

// socketPathMost is how long the path of a socket may be on every system.
const socketPathMost = 103

// entrance is where an instance takes connections: at the socket, if that is where its shim listens, else at its port. No other user
// of the machine can open a socket in the platform's folder, and bytes go through one at less than half of what a port costs.
type entrance struct {
	address string // of the port
	socket  string // "" is none
}

// socket is the path of an instance's socket, "" where it would be too long for one.
func (h Home) socket(id string) string {
	path := h.own("sockets", id)
	if len(path) > socketPathMost {
		return ""
	}
	return path
}

// connect opens a connection. One that has to queue for it waits, at a socket as at a port.
func (p entrance) connect(ctx context.Context) (c net.Conn, err error) {
	if p.socket != "" {
		err = until.Done(ctx, func() (err error) {
			c, err = new(net.Dialer).DialContext(ctx, "unix", p.socket)
			return err
		}, until.Rule{First: time.Millisecond, Passing: func(err error) bool { return errors.Is(err, syscall.EAGAIN) }})
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
	}
	return new(net.Dialer).DialContext(ctx, "tcp4", p.address)
}

// remove takes the socket of a process that has ended away.
func (p entrance) remove() {
	if p.socket != "" {
		_ = os.Remove(p.socket)
	}
}
