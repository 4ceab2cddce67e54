package platform

import (
	"os"
	"testing"
	"time"
)

func TestAStartThatWorksMayTakeLongerThanOneThatWaits(t *testing.T) {
	if processorTime(os.Getpid()) == 0 {
		t.Skip("this system does not tell how long a process has worked")
	}
	p := serve(t, Options{StartTimeout: 2 * time.Second})
	p.put("api", revision("busy", func(r *Revision) { r.Env["START_WORKS"] = "2500ms" }))
	p.put("api", revision("endless", func(r *Revision) { r.Env["START_WORKS"] = "1h" }))
	if err := p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "busy"}); err != nil {
		t.Error(err)
	}
	wantCode(t, p.client.Probe(t.Context(), FunctionRequest{Scope: shop, Function: "api", Revision: "endless"}), CodeUnloaded)
}
