package local

import (
	"fmt"
	"regexp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// target is the block of a target.
type target struct {
	Port  int      `json:"port,omitempty" jsonschema:"The port of the service and stage. Default: a free one, which is kept."`
	Hosts []string `json:"hosts,omitempty" jsonschema:"Names that requests may be for, besides those of this machine."`
	function
}

func (t target) address() platform.Address { return platform.Address{Port: t.Port, Hosts: t.Hosts} }

// hostName is what a name under hosts may be: no port, no wildcard.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// check says what the block asks for and cannot be.
func (t target) check(name string) error {
	refused := &providers.Error{Kind: providers.Invalid, Op: "configure", Provider: "local"}
	if t.Port < 0 || t.Port > 65535 {
		refused.Hint = "choose a port between 1024 and 65535"
		refused.Err = fmt.Errorf("targets.%s.port: %d is not a port", name, t.Port)
		return refused
	}
	for i, h := range t.Hosts {
		if !hostName.MatchString(h) {
			refused.Hint = "write the bare name, such as shop.test"
			refused.Err = fmt.Errorf("targets.%s.hosts[%d]: %q is not a host name", name, i, h)
			return refused
		}
	}
	return nil
}

// function is the block `functions.<name>.local`.
type function struct {
	Idle manifest.Duration `json:"idle,omitempty" jsonschema:"How long an instance may be without a request before it is stopped. Default: 10m."`
}

// functionOf is the block of a function, over that of the target.
func (t target) functionOf(fn manifest.Function) (function, error) {
	f := t.function
	if problems := fn.Config.Decode(&f); len(problems) > 0 {
		return f, problems
	}
	return f, nil
}
