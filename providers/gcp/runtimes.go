package gcp

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/check"
)

// runtimes are what runs the neutral runtimes, from Google's page "Runtime support schedule" of April 2026: from its
// decommissioning on a runtime cannot be built any more. An executable runs on Google's image without a language.
func runtimes() map[manifest.Runtime]check.Runtime {
	executable := check.Runtime{ID: "osonly24", Ends: check.Day(2029, time.April, 30)}
	return map[manifest.Runtime]check.Runtime{
		"nodejs26":   {ID: "nodejs26", Preview: true},
		"nodejs24":   {ID: "nodejs24", Ends: check.Day(2028, time.October, 31)},
		"nodejs22":   {ID: "nodejs22", Ends: check.Day(2027, time.October, 31)},
		"nodejs20":   {ID: "nodejs20", Ends: check.Day(2026, time.October, 30)},
		"python3.14": {ID: "python314", Ends: check.Day(2031, time.April, 10)},
		"python3.13": {ID: "python313", Ends: check.Day(2030, time.April, 10)},
		"python3.12": {ID: "python312", Ends: check.Day(2029, time.April, 2)},
		"python3.11": {ID: "python311", Ends: check.Day(2028, time.April, 24)},
		"python3.10": {ID: "python310", Ends: check.Day(2027, time.April, 4)},
		"go":         executable,
		"custom":     executable,
	}
}

// stack is the operating system of a runtime's image, as Google's page "Base images" has it.
func stack(runtime string) string {
	switch runtime {
	case "nodejs20", "nodejs22", "python310", "python311", "python312", "python313":
		return "google-22"
	}
	return "google-24"
}
