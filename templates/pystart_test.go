package templates_test

import (
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

func TestAStartThatTakesTooLongSaysTheLineWhereItStands(t *testing.T) {
	t.Parallel()
	p := pythonProgram(manifest.StyleWSGI)
	pk := p.project(t, "app.py", "import threading\n\nthreading.Event().wait()\n")
	i := p.launch(t, pk, p.function(), "FERRY_START_MS=500")
	i.says(`app.py", line 3 in <module>`)
	if err := i.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-i.done
}
