package main

import (
	"encoding/json"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// settled waits until no message waits in any queue.
func settled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: settled")
	}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(deadline); <-tick.C {
		ask := exec.Command(ts.Getenv("BIN")+"/ferry", "queues", "--json")
		ask.Dir = ts.MkAbs(".")
		ask.Env = []string{"FERRY_HOME=" + ts.Getenv("FERRY_HOME"), "PATH=" + ts.Getenv("PATH")}
		out, err := ask.Output()
		ts.Check(err)
		var answer struct {
			Result struct {
				Queues []struct {
					Depth int `json:"depth"`
				} `json:"queues"`
			} `json:"result"`
		}
		ts.Check(json.Unmarshal(out, &answer))
		waiting := 0
		for _, q := range answer.Result.Queues {
			waiting += q.Depth
		}
		if waiting == 0 {
			return
		}
	}
	ts.Fatalf("messages still wait after 30 s")
}
