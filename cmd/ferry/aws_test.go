package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/standin"
)

// clouds are the stand-ins for AWS of the scripts that run.
type clouds struct {
	t  *testing.T
	mu sync.Mutex
	of map[*testscript.TestScript]*awstest.Cloud
}

// command is what scripts do with AWS: `cloud` starts an account of the script's own, `cloud deny lambda CreateFunction`
// takes a right away, `cloud allow` gives all back, and `cloud empty` expects that nothing is there.
func (c *clouds) command(ts *testscript.TestScript, neg bool, args []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cloud := c.of[ts]
	switch {
	case neg:
		ts.Fatalf("usage: cloud [deny SERVICE OPERATION | allow | empty]")
	case cloud == nil:
		cloud = awstest.Start(c.t)
		c.of[ts] = cloud
		for _, variable := range cloud.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			ts.Setenv(name, value)
		}
	case len(args) == 3 && args[0] == "deny":
		cloud.Intercept(func(call standin.Call) standin.Fault {
			if call.Service == args[1] && call.Operation == args[2] {
				return standin.Deny()
			}
			return standin.Fault{}
		})
	case len(args) == 1 && args[0] == "allow":
		cloud.Intercept(nil)
	case len(args) == 1 && args[0] == "empty":
		if left := strings.TrimSpace(cloud.Snapshot()); left != "" {
			ts.Fatalf("the account still has\n%s", left)
		}
	default:
		ts.Fatalf("usage: cloud [deny SERVICE OPERATION | allow | empty]")
	}
}
