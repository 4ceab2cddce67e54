package providers

import (
	"time"

	"github.com/ferryfn/ferry/manifest"
)

// Coster knows what its provider charges. Pure.
type Coster interface {
	// Prices are the list prices of the target's region, or of the region that Price names.
	Prices() []Price
	// Uses is how much of what has a price a function takes in a month under a load, each with the reason why it is so much.
	Uses(fn manifest.Function, l Load) []Use
}

// Price is a figure of a provider's price list.
type Price struct {
	ID      string  `json:"id"`
	What    string  `json:"what"` // such as "GB-seconds"
	Dollars float64 `json:"dollars"`
	Per     float64 `json:"per"`            // how many of it cost that
	Free    float64 `json:"free,omitempty"` // how many an account has each month for nothing
	// Source is where the figure stands, and Looked the day on which somebody looked.
	Source string `json:"source"`
	Looked string `json:"looked"`
	// Doubt says that the figure was not found at the provider itself; "" is that it was.
	Doubt string `json:"doubt,omitempty"`
}

// Load is what a function has to do in a month.
type Load struct {
	Requests float64       `json:"requests"`
	Duration time.Duration `json:"duration_ns"` // of a request that meets an instance
	Cold     float64       `json:"cold"`        // the share of the requests that start an instance, 0 to 1
	Init     time.Duration `json:"init_ns"`     // of such a start
	AtOnce   float64       `json:"at_once"`     // requests at once in an instance, where it takes several; at least 1
}

// Month is how long a month is for what is paid by its time: 730 hours.
const Month = 730 * time.Hour

// Use is an amount of what has a price.
type Use struct {
	Price  string
	Amount float64
	Why    string // "" where it explains itself
}

// Measurer reads how long requests took out of a function's log.
type Measurer interface {
	// Measured is what a line tells of one request; false is that it tells none.
	Measured(line LogLine) (Measurement, bool)
}

// Measurement is one request.
type Measurement struct {
	Duration time.Duration
	Init     time.Duration // of the start of an instance; 0 is that there was none
}
