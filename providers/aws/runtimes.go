package aws

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/manifest"
)

// runtime is a managed runtime of Lambda.
type runtime struct {
	id types.Runtime
	// ends is the day of its deprecation: from then on AWS refuses new functions, and later updates. Zero is open.
	ends time.Time
	// preview marks one that AWS does not support for production yet.
	preview bool
}

// runtimeOf is what runs a neutral runtime. The table is AWS's page "Lambda runtimes" of October 2026.
func runtimeOf(r manifest.Runtime) (runtime, bool) {
	day := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	provided := runtime{id: types.RuntimeProvidedal2023, ends: day(2029, time.June, 30)}
	known, ok := map[manifest.Runtime]runtime{
		"nodejs26":   {id: "nodejs26.x", preview: true},
		"nodejs24":   {id: "nodejs24.x", ends: day(2028, time.April, 30)},
		"nodejs22":   {id: "nodejs22.x", ends: day(2027, time.April, 30)},
		"nodejs20":   {id: "nodejs20.x", ends: day(2026, time.April, 30)},
		"nodejs18":   {id: "nodejs18.x", ends: day(2025, time.September, 1)},
		"python3.15": {id: "python3.15", preview: true},
		"python3.14": {id: "python3.14", ends: day(2029, time.June, 30)},
		"python3.13": {id: "python3.13", ends: day(2029, time.June, 30)},
		"python3.12": {id: "python3.12", ends: day(2028, time.October, 31)},
		"python3.11": {id: "python3.11", ends: day(2027, time.June, 30)},
		"python3.10": {id: "python3.10", ends: day(2026, time.October, 31)},
		"python3.9":  {id: "python3.9", ends: day(2025, time.December, 15)},
		"go":         provided,
		"custom":     provided,
	}[r]
	return known, ok
}

// notice is how long before its end a runtime is warned of.
const notice = 180 * 24 * time.Hour
