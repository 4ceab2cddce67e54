//go:build !linux

package lambdatest

import "os/exec"

// launch starts a process and calls over when it has ended.
func launch(cmd *exec.Cmd, over func()) error {
	group(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait()
		over()
	}()
	return nil
}
