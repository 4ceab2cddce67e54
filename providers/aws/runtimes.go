package aws

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/check"
)

// runtimes are what runs the neutral runtimes, from AWS's page "Lambda runtimes" of October 2026.
func runtimes() map[manifest.Runtime]check.Runtime {
	provided := check.Runtime{ID: string(types.RuntimeProvidedal2023), Ends: check.Day(2029, time.June, 30)}
	return map[manifest.Runtime]check.Runtime{
		"nodejs26":   {ID: "nodejs26.x", Preview: true},
		"nodejs24":   {ID: "nodejs24.x", Ends: check.Day(2028, time.April, 30)},
		"nodejs22":   {ID: "nodejs22.x", Ends: check.Day(2027, time.April, 30)},
		"nodejs20":   {ID: "nodejs20.x", Ends: check.Day(2026, time.April, 30)},
		"nodejs18":   {ID: "nodejs18.x", Ends: check.Day(2025, time.September, 1)},
		"python3.15": {ID: "python3.15", Preview: true},
		"python3.14": {ID: "python3.14", Ends: check.Day(2029, time.June, 30)},
		"python3.13": {ID: "python3.13", Ends: check.Day(2029, time.June, 30)},
		"python3.12": {ID: "python3.12", Ends: check.Day(2028, time.October, 31)},
		"python3.11": {ID: "python3.11", Ends: check.Day(2027, time.June, 30)},
		"python3.10": {ID: "python3.10", Ends: check.Day(2026, time.October, 31)},
		"python3.9":  {ID: "python3.9", Ends: check.Day(2025, time.December, 15)},
		"go":         provided,
		"custom":     provided,
	}
}

// glibc is the minor version of glibc 2 that a runtime has: that of Amazon Linux 2, or of Amazon Linux 2023.
func glibc(r manifest.Runtime) int {
	switch r {
	case "nodejs18", "python3.9", "python3.10", "python3.11":
		return 26
	}
	return 34
}
