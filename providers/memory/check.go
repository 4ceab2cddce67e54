package memory

import (
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/check"
)

// Check refuses what needs a secret manager, which a world has not, and more memory than it offers.
func (a *Adapter) Check(fn manifest.Function) []providers.Issue {
	most := fn.Memory
	if sizes := a.world.Memory; len(sizes) > 0 {
		most = sizes[len(sizes)-1]
	}
	return check.Function(fn.Name,
		check.When(len(fn.Secrets) > 0).Block("secrets", "remove secrets or choose another target", "memory has no secret manager"),
		check.When(fn.Memory > most).Block("memory", "lower memory or choose another target", "%s is more than the %s on offer", fn.Memory, most),
	)
}
