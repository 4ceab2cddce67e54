// Package cost says what a month of a service costs on a target, and why it is not the same on another one.
package cost

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// Month is what a service costs.
type Month struct {
	Lines []Line   `json:"lines"`
	Total float64  `json:"total"`         // in dollars
	Full  float64  `json:"total_without"` // what it would be without what is free
	Why   []string `json:"why"`
}

// Line is one price with how much is taken.
type Line struct {
	providers.Price
	Amount  float64 `json:"amount"`
	Charged float64 `json:"charged"` // of it, without what is free
	Cost    float64 `json:"cost"`
}

// Of adds up a month of functions under a load that each of them has. What is free is free once for all of them.
func Of(c providers.Coster, functions []manifest.Function, l providers.Load) Month {
	amounts := map[string]float64{}
	m := Month{Lines: []Line{}, Why: []string{}}
	for _, fn := range functions {
		for _, u := range c.Uses(fn, l) {
			amounts[u.Price] += u.Amount
			why := u.Why
			if len(functions) > 1 && why != "" {
				why = fn.Name + ": " + why
			}
			if why != "" && !slices.Contains(m.Why, why) {
				m.Why = append(m.Why, why)
			}
		}
	}
	for _, p := range c.Prices() {
		amount := amounts[p.ID]
		if amount == 0 {
			continue
		}
		line := Line{Price: p, Amount: amount, Charged: max(0, amount-p.Free)}
		line.Cost = line.Charged / p.Per * p.Dollars
		m.Lines = append(m.Lines, line)
		m.Total += line.Cost
		m.Full += amount / p.Per * p.Dollars
	}
	return m
}

// Differ says in words why months of the same load cost what they do, the cheapest first.
func Differ(months map[string]Month) []string {
	names := slices.SortedFunc(maps.Keys(months), func(a, b string) int {
		return cmp.Or(cmp.Compare(months[a].Total, months[b].Total), strings.Compare(a, b))
	})
	var said []string
	for i, name := range names {
		m := months[name]
		head := fmt.Sprintf("%s costs %s", name, Dollars(m.Total))
		if least := months[names[0]].Total; i > 0 && least > 0 {
			head += fmt.Sprintf(", %.1f times %s", m.Total/least, names[0])
		}
		if m.Full > m.Total {
			head += "; it would be " + Dollars(m.Full) + " without what is free each month"
		}
		said = append(said, head)
		for _, why := range m.Why {
			said = append(said, name+": "+why)
		}
	}
	return said
}

// Dollars writes an amount of money.
func Dollars(d float64) string {
	if d > 0 && d < 0.01 {
		return "less than $0.01"
	}
	return fmt.Sprintf("$%.2f", d)
}
