package azure

import (
	"fmt"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Coster = (*Adapter)(nil)

// What the list of prices calls what it has prices for.
const (
	priceRequests = "requests"
	priceTime     = "time"
	priceKept     = "always-ready"
	priceKeptRun  = "always-ready-run"
	priceKeptRuns = "always-ready-requests"
)

// What a time is billed as: at least a second, and steps of a tenth above it.
const (
	leastBilled  = time.Second
	billedBySome = 100 * time.Millisecond
)

// Prices are those of Flex Consumption in East US.
func (a *Adapter) Prices() []providers.Price {
	const (
		list   = "https://azure.microsoft.com/pricing/details/functions/"
		others = "https://modal.com/blog/azure-function-pricing-guide"
		looked = "2026-11-29"
		copied = "the page has its figures from a script: this one is what others copied from it"
		unseen = "not found in anything that could be read: ask the list before you rely on it"
	)
	return []providers.Price{
		{ID: priceRequests, What: "executions", Dollars: 0.40, Per: 1e6, Free: 250e3, Source: others, Looked: looked, Doubt: copied},
		{ID: priceTime, What: "GB-seconds", Dollars: 0.000026, Per: 1, Free: 100e3, Source: others, Looked: looked, Doubt: copied},
		{ID: priceKept, What: "GB-seconds always ready", Dollars: 0.000004, Per: 1, Source: list, Looked: looked, Doubt: unseen},
		{ID: priceKeptRun, What: "GB-seconds run by what is always ready", Dollars: 0.000016, Per: 1, Source: list, Looked: looked, Doubt: unseen},
		{ID: priceKeptRuns, What: "executions by what is always ready", Dollars: 0.40, Per: 1e6, Source: list, Looked: looked, Doubt: unseen},
	}
}

// Uses bills the memory of an instance while it executes anything, a second at least: requests at once share it. The start
// of an instance costs nothing.
func (a *Adapter) Uses(asked manifest.Function, l providers.Load) []providers.Use {
	fn := functionOf(asked)
	atOnce := max(1, l.AtOnce)
	if fn.Scaling.Concurrency > 0 {
		atOnce = min(atOnce, float64(fn.Scaling.Concurrency))
	}
	each := max(leastBilled, (l.Duration+billedBySome-1)/billedBySome*billedBySome)
	busy, gb := l.Requests*each.Seconds()/atOnce, float64(fn.Memory.MB())/1024
	why := fmt.Sprintf("a request of %s is billed as %s", l.Duration, each)
	if atOnce > 1 {
		why += fmt.Sprintf(", which %g requests at once share", atOnce)
	}
	if fn.Scaling.Min == 0 {
		return []providers.Use{{Price: priceRequests, Amount: l.Requests}, {Price: priceTime, Amount: busy * gb, Why: why}}
	}
	month := float64(fn.Scaling.Min) * providers.Month.Seconds()
	warm := min(busy, month)
	share := warm / max(busy, 1e-9)
	uses := []providers.Use{
		{Price: priceKept, Amount: month * gb, Why: fmt.Sprintf("%d of its instances are always ready, all month", fn.Scaling.Min)},
		{Price: priceKeptRun, Amount: warm * gb, Why: why + "; nothing of what is always ready is free"},
		{Price: priceKeptRuns, Amount: l.Requests * share},
	}
	if busy > warm {
		uses = append(uses, providers.Use{Price: priceRequests, Amount: l.Requests * (1 - share)}, providers.Use{Price: priceTime, Amount: (busy - warm) * gb})
	}
	return uses
}
