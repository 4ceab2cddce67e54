package gcp

import (
	"fmt"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Coster = (*Adapter)(nil)

// What the list of prices calls what it has prices for.
const (
	priceRequests   = "requests"
	priceCPU        = "cpu"
	priceMemory     = "memory"
	priceKeptCPU    = "idle-cpu"
	priceKeptMemory = "idle-memory"
)

// billed is what a time is rounded up to.
const billed = 100 * time.Millisecond

// Prices are those of the regions of tier 1, for services that have a CPU while they answer. Functions cost the same.
func (a *Adapter) Prices() []providers.Price {
	const (
		list   = "https://cloud.google.com/run/pricing"
		looked = "2026-11-29"
		copied = "this part of the page is not in the copy that was read: it is what others copied from it"
	)
	return []providers.Price{
		{ID: priceRequests, What: "requests", Dollars: 0.40, Per: 1e6, Free: 2e6, Source: list, Looked: looked},
		{ID: priceCPU, What: "vCPU-seconds", Dollars: 0.000024, Per: 1, Free: 180e3, Source: list, Looked: looked},
		{ID: priceMemory, What: "GiB-seconds", Dollars: 0.0000025, Per: 1, Free: 360e3, Source: list, Looked: looked},
		{ID: priceKeptCPU, What: "vCPU-seconds kept warm", Dollars: 0.0000025, Per: 1, Source: list, Looked: looked, Doubt: copied},
		{ID: priceKeptMemory, What: "GiB-seconds kept warm", Dollars: 0.0000025, Per: 1, Source: list, Looked: looked, Doubt: copied},
	}
}

// Uses bills an instance while it starts and while it answers anything, in steps of 100 ms: requests at once share the time.
func (a *Adapter) Uses(asked manifest.Function, l providers.Load) []providers.Use {
	fn := functionOf(asked)
	atOnce := max(1, min(l.AtOnce, float64(fn.concurrency())))
	busy := l.Requests * whole(l.Duration).Seconds() / atOnce
	starts := l.Requests * l.Cold * whole(l.Init).Seconds()
	cpu, gib := float64(fn.cpu())/float64(wholeCPU), float64(fn.Memory.MB())/1024
	why := fmt.Sprintf("a request of %s is billed as %s", l.Duration, whole(l.Duration))
	if atOnce > 1 {
		why += fmt.Sprintf(", which %g requests at once share", atOnce)
	}
	uses := []providers.Use{{Price: priceRequests, Amount: l.Requests}}
	idle := 0.0
	if fn.Scaling.Min > 0 {
		month := float64(fn.Scaling.Min) * providers.Month.Seconds()
		idle, starts = max(0, month-busy), 0
	}
	uses = append(
		uses,
		providers.Use{Price: priceCPU, Amount: (busy + starts) * cpu, Why: fmt.Sprintf("%s, of %s vCPU", why, fn.cpu())},
		providers.Use{Price: priceMemory, Amount: (busy + starts) * gib},
	)
	if starts > 0 {
		uses = append(uses, providers.Use{Price: priceCPU, Why: fmt.Sprintf("the start of an instance is billed, too, as %s", whole(l.Init))})
	}
	if idle > 0 {
		uses = append(
			uses,
			providers.Use{Price: priceKeptCPU, Amount: idle * cpu, Why: fmt.Sprintf("%d of its instances are kept warm while they answer nothing", fn.Scaling.Min)},
			providers.Use{Price: priceKeptMemory, Amount: idle * gib},
		)
	}
	return uses
}

// whole is a time as it is billed.
func whole(d time.Duration) time.Duration { return (d + billed - 1) / billed * billed }
