package providers

import "context"

// Readier says whether functions can be reached and started at a place, before they are deployed there and while they are
// live. It looks, and changes nothing.
type Readier interface {
	// Obstacles are what keeps the functions of the specs from being reached or started, as things are. A spec needs
	// its function and secrets only.
	Obstacles(ctx context.Context, specs []Spec) ([]Obstacle, error)
}

// Obstacle is one thing that keeps functions from being reached or started.
type Obstacle struct {
	Err     *Error // of one function, or of all that were asked about
	Passing bool   // Starter.Start takes it away
}
