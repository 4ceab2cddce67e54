package providers

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
)

// Facts are what the tables of an adapter say that its provider takes, for the provider's page in the docs.
type Facts struct {
	Runtimes []RuntimeFact
	Limits   []LimitFact
}

// RuntimeFact is a runtime that a provider offers.
type RuntimeFact struct {
	Runtime manifest.Runtime
	ID      string    // the provider's own name for it
	Ends    time.Time // the day from which the provider refuses it; zero is open
	Preview bool
}

// LimitFact says what a provider takes for a setting of a function.
type LimitFact struct {
	Field string // as in Issue
	Takes string // as in "whole megabytes from 128MB to 10240MB"
}
