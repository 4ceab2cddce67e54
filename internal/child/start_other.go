//go:build !linux

package child

import "os/exec"

// start starts a process. When it has ended it calls leave, and over.
func start(cmd *exec.Cmd, leave, over func()) error {
	group(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait()
		leave()
		over()
	}()
	return nil
}
