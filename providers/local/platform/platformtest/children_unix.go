//go:build unix

package platformtest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// children starts so many processes that leave the process group, and answers with the id of the last one. They hold the output, and
// have nothing in their environment, where the request says so.
func children(w http.ResponseWriter, r *http.Request) {
	count, _ := strconv.Atoi(r.URL.Query().Get("n"))
	for i := range count {
		c := exec.Command("sleep", "600")
		if r.URL.Query().Has("output") {
			c.Stdout = os.Stdout
		}
		if r.URL.Query().Has("bare") {
			c.Env = []string{}
		}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err == nil && i == count-1 {
			fmt.Fprint(w, c.Process.Pid)
		}
	}
}
