//go:build unix

package platformtest

import (
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
)

// children starts so many processes that leave the process group, and answers with the id of the last one.
func children(w http.ResponseWriter, n string) {
	count, _ := strconv.Atoi(n)
	for i := range count {
		c := exec.Command("sleep", "600")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err == nil && i == count-1 {
			fmt.Fprint(w, c.Process.Pid)
		}
	}
}
