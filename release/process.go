package release

import "os"

// process identifies a process across machines and reboots.
type process struct {
	Host      string `json:"host"`
	PID       int    `json:"pid"`
	Boot      string `json:"boot,omitempty"`      // id of this boot of the machine, "" where the OS has none
	Namespace string `json:"namespace,omitempty"` // of process ids
	Start     string `json:"start,omitempty"`     // when the process started, in the kernel's own count
}

func thisProcess() process {
	host, _ := os.Hostname()
	pid := os.Getpid()
	boot, namespace := machine()
	return process{Host: host, PID: pid, Boot: boot, Namespace: namespace, Start: started(pid)}
}

// dead reports whether the process certainly ran here and certainly runs no more. In doubt it lives.
func (p process) dead() bool {
	boot, namespace := machine()
	if boot == "" || p.Boot != boot || p.Namespace != namespace || p.Start == "" {
		return false
	}
	return started(p.PID) != p.Start
}
