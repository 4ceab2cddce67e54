package azure

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/check"
)

// runtimes are what runs the neutral runtimes, from Azure's page "Supported languages" of August 2026. What a region offers
// is asked of it besides.
func runtimes() map[manifest.Runtime]check.Runtime {
	return map[manifest.Runtime]check.Runtime{
		"nodejs24":   {ID: "node 24", Ends: check.Day(2028, time.April, 30)},
		"nodejs22":   {ID: "node 22", Ends: check.Day(2027, time.April, 30)},
		"nodejs20":   {ID: "node 20", Ends: check.Day(2026, time.April, 30)},
		"python3.14": {ID: "python 3.14", Ends: check.Day(2030, time.October, 31)},
		"python3.13": {ID: "python 3.13", Ends: check.Day(2029, time.October, 31)},
		"python3.12": {ID: "python 3.12", Ends: check.Day(2028, time.October, 31)},
		"python3.11": {ID: "python 3.11", Ends: check.Day(2027, time.October, 31)},
		"python3.10": {ID: "python 3.10", Ends: check.Day(2026, time.October, 31)},
		"go":         {ID: "custom 1.0"},
		"custom":     {ID: "custom 1.0"},
	}
}
