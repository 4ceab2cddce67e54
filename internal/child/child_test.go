package child

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func started(t *testing.T, script string) *Process {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is missing")
	}
	p, err := Start(exec.Command(shell, "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func over(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it lives")
	}
}

func TestNobodyIsSignalledByTheIdOfAProcessThatEnded(t *testing.T) {
	p := started(t, "exit 3")
	over(t, p)
	p.signal(func(*os.Process) { t.Error("its id may be another process's by now") })
	p.Kill()
}

func TestAProcessThatIsAskedMayEndAsItLikes(t *testing.T) {
	ready := t.TempDir() + "/ready"
	p := started(t, `trap 'exit 7' TERM; touch `+ready+`; while :; do sleep 0.01; done`)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not start")
		}
		<-time.After(5 * time.Millisecond)
	}
	p.Ask()
	over(t, p)
	if code := p.cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d", code)
	}
}

func TestAProcessThatIsKilledEnds(t *testing.T) {
	p := started(t, `trap '' TERM; sleep 60`)
	p.Kill()
	over(t, p)
}
