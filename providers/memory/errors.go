package memory

import (
	"github.com/ferryfn/ferry/providers"
)

func failed(k providers.Kind, op, function string, err error) *providers.Error {
	return &providers.Error{Kind: k, Op: op, Provider: "memory", Function: function, Err: err}
}
