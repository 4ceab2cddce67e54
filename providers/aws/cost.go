package aws

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var (
	_ providers.Coster   = (*Adapter)(nil)
	_ providers.Measurer = (*Adapter)(nil)
)

// What the list of prices calls what it has prices for.
const (
	priceRequests   = "requests"
	priceTime       = "time"
	priceTimeArm    = "time-arm64"
	priceStorage    = "storage"
	priceKept       = "provisioned"
	priceKeptArm    = "provisioned-arm64"
	priceKeptRun    = "provisioned-run"
	priceKeptRunArm = "provisioned-run-arm64"
)

// Prices are those of us-east-1, which most regions share.
func (a *Adapter) Prices() []providers.Price {
	const (
		list   = "https://aws.amazon.com/lambda/pricing/"
		looked = "2026-11-29"
		second = "the page has its figures from a script: this one is what others copied from it"
		unseen = "not found anywhere: a fifth less than on x86, as with the others"
	)
	return []providers.Price{
		{ID: priceRequests, What: "requests", Dollars: 0.20, Per: 1e6, Free: 1e6, Source: list, Looked: looked},
		{ID: priceTime, What: "GB-seconds", Dollars: 0.0000166667, Per: 1, Free: 400e3, Source: list, Looked: looked, Doubt: second},
		{ID: priceTimeArm, What: "GB-seconds on arm64", Dollars: 0.0000133334, Per: 1, Free: 400e3, Source: list, Looked: looked, Doubt: second},
		{ID: priceStorage, What: "GB-seconds of /tmp", Dollars: 0.0000000309, Per: 1, Source: list, Looked: looked, Doubt: second},
		{ID: priceKept, What: "GB-seconds kept warm", Dollars: 0.0000041667, Per: 1, Source: list, Looked: looked, Doubt: second},
		{ID: priceKeptArm, What: "GB-seconds kept warm on arm64", Dollars: 0.0000033334, Per: 1, Source: list, Looked: looked, Doubt: unseen},
		{ID: priceKeptRun, What: "GB-seconds run by what is kept warm", Dollars: 0.0000097222, Per: 1, Source: list, Looked: looked, Doubt: second},
		{ID: priceKeptRunArm, What: "GB-seconds run by what is kept warm, on arm64", Dollars: 0.0000077778, Per: 1, Source: list, Looked: looked, Doubt: unseen},
	}
}

// Uses bills each request by the millisecond, and since August 2025 the start of an instance as well. An instance serves one
// request at a time, so that requests at once change nothing.
func (a *Adapter) Uses(asked manifest.Function, l providers.Load) []providers.Use {
	fn := functionOf(asked)
	run, kept, keptRun := priceTime, priceKept, priceKeptRun
	if fn.Architecture == "arm64" {
		run, kept, keptRun = priceTimeArm, priceKeptArm, priceKeptRunArm
	}
	gb, each := float64(fn.Memory.MB())/1024, whole(l.Duration).Seconds()
	starts := l.Requests * l.Cold * whole(l.Init).Seconds()
	uses := []providers.Use{{Price: priceRequests, Amount: l.Requests}}
	busy := l.Requests * each
	if fn.Scaling.Min > 0 {
		month := float64(fn.Scaling.Min) * providers.Month.Seconds()
		warm := min(busy, month)
		uses = append(
			uses,
			providers.Use{Price: kept, Amount: month * gb, Why: fmt.Sprintf("%d of its instances are kept warm all month", fn.Scaling.Min)},
			providers.Use{Price: keptRun, Amount: warm * gb, Why: "what they run costs less, and nothing of it is free"},
		)
		starts *= 1 - warm/max(busy, 1e-9)
		busy -= warm
	}
	if busy > 0 {
		uses = append(uses, providers.Use{Price: run, Amount: busy * gb, Why: fmt.Sprintf("a request of %s is billed as %s", l.Duration, whole(l.Duration))})
	}
	if starts > 0 {
		uses = append(uses, providers.Use{Price: run, Amount: starts * gb, Why: fmt.Sprintf("the start of an instance is billed, too, as %s", whole(l.Init))})
	}
	if more := float64(fn.own.storage().MB()-512) / 1024; more > 0 {
		uses = append(uses, providers.Use{Price: priceStorage, Amount: l.Requests * each * more})
	}
	return uses
}

// whole is a time rounded up to what is billed.
func whole(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

var report = regexp.MustCompile(`^REPORT RequestId: .*?\bDuration: ([\d.]+) ms\b(?:.*\bInit Duration: ([\d.]+) ms)?`)

// Measured reads what Lambda writes when a request is done.
func (a *Adapter) Measured(line providers.LogLine) (providers.Measurement, bool) {
	found := report.FindStringSubmatch(line.Text)
	if found == nil {
		return providers.Measurement{}, false
	}
	milliseconds := func(text string) time.Duration {
		n, _ := strconv.ParseFloat(text, 64) // "" is 0
		return time.Duration(n * float64(time.Millisecond))
	}
	return providers.Measurement{Duration: milliseconds(found[1]), Init: milliseconds(found[2])}, true
}
