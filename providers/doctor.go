package providers

import (
	"context"

	"github.com/ferryfn/ferry/manifest"
)

// Doctor looks at what a first deploy needs of a place: that it can be reached, that it knows the caller, and what the
// caller may do. It changes nothing, and what fails is a finding. It looks at what the functions need; without any, at all
// that some may need.
type Doctor interface {
	Diagnose(ctx context.Context, functions []manifest.Function) []Finding
}

// Finding is one thing that was looked at.
type Finding struct {
	Subject string `json:"subject"` // as in "credentials" or "lambda"
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // one imperative line
	Kind    Kind   `json:"kind,omitempty"` // of what failed
}

// Level says whether a deploy can do with what was found.
type Level string

// The levels.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning" // it can, but may surprise, or only some functions can
	LevelFailed  Level = "failed"
)
