package knative

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/check"
)

// runtimes are the official images of the languages, with the day on which their makers end them.
func runtimes() map[manifest.Runtime]check.Runtime {
	bare := check.Runtime{ID: "docker.io/library/debian:13-slim", Ends: check.Day(2030, time.June, 30)}
	node := func(major string, ends time.Time) check.Runtime {
		return check.Runtime{ID: "docker.io/library/node:" + major + "-slim", Ends: ends}
	}
	python := func(minor string, ends time.Time) check.Runtime {
		return check.Runtime{ID: "docker.io/library/python:" + minor + "-slim", Ends: ends}
	}
	return map[manifest.Runtime]check.Runtime{
		"nodejs26":   node("26", check.Day(2029, time.April, 30)),
		"nodejs24":   node("24", check.Day(2028, time.April, 30)),
		"nodejs22":   node("22", check.Day(2027, time.April, 30)),
		"python3.14": python("3.14", check.Day(2030, time.October, 31)),
		"python3.13": python("3.13", check.Day(2029, time.October, 31)),
		"python3.12": python("3.12", check.Day(2028, time.October, 31)),
		"python3.11": python("3.11", check.Day(2027, time.October, 31)),
		"go":         bare,
		"custom":     bare,
	}
}
