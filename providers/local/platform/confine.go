package platform

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/ferryfn/ferry/internal/cgroup"
)

// mostTasks is how many processes and threads one instance may have where the system counts them, as on AWS Lambda.
const mostTasks = 1024

// groups is where this home's instances get control groups; nil where the system lets nobody make any. What a platform that was killed
// left there is taken away.
func (h Home) groups() (*cgroup.Place, error) {
	id := sha256.Sum256([]byte(h))
	place := cgroup.Own(hex.EncodeToString(id[:6]))
	return place, place.Sweep()
}

// begin starts the command, in a control group of its own where there may be one.
func (in *instance) begin() error {
	lead(in.cmd)
	if in.host.groups == nil {
		return in.cmd.Start()
	}
	group, err := in.host.groups.Make(in.id, cgroup.Limits{Memory: in.revision.Memory, Tasks: mostTasks})
	if err != nil {
		in.host.options.Log.Warn("making a control group", "function", in.function, "error", err)
		return in.cmd.Start()
	}
	command := *in.cmd
	if err = group.Start(in.cmd); err == nil {
		in.group = group
		return nil
	}
	_ = group.End()
	in.cmd = &command // one that could not be started is not started again
	lead(in.cmd)
	return in.cmd.Start()
}

// leave takes the instance's control group away, which says whether its processes met a limit. They have ended.
func (in *instance) leave() {
	if in.group == nil {
		return
	}
	if used := in.group.Exceeded(); used > 0 {
		in.excess.Store(used)
		in.say("killed: %s; %s", in.greed(), cure)
	}
	if in.group.Crowded() {
		in.say("was refused a process or a thread: an instance may have %d", mostTasks)
	}
	if err := in.group.End(); err != nil {
		in.host.options.Log.Warn("taking a control group away", "function", in.function, "error", err)
	}
}
