// Package child starts processes that end with this one, and take with them what they started. On Linux neither outlives
// this process, however that ends.
package child

import (
	"os"
	"os/exec"
	"sync"
)

// Process is a process with all that it starts.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}

	alive sync.Mutex // held to signal the process, and to note its end
	ended bool
}

// Start starts a process, in a group of its own.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	if err := start(cmd, p.leave, func() { close(p.done) }); err != nil {
		return nil, err
	}
	return p, nil
}

// Done is closed when the process has ended, and its state is known.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the process and all that it started.
func (p *Process) Kill() { p.signal(kill) }

// Ask tells the process itself to end, where it can be told.
func (p *Process) Ask() { p.signal(ask) }

// Freeze stops the process and all that it started, where processes can be stopped, until Thaw.
func (p *Process) Freeze() { p.signal(freeze) }

// Thaw lets them go on.
func (p *Process) Thaw() { p.signal(thaw) }

// signal does something to the process's group while its id is its own.
func (p *Process) signal(do func(*os.Process)) {
	p.alive.Lock()
	defer p.alive.Unlock()
	if !p.ended {
		do(p.cmd.Process)
	}
}

// leave notes the end of the process, after which another one may get its id.
func (p *Process) leave() {
	p.alive.Lock()
	defer p.alive.Unlock()
	p.ended = true
}
