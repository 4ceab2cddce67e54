package providers

// Obstacle is one thing that keeps functions from being reached or started.
type Obstacle struct {
	Err     *Error // of one function, or of all that were asked about
	Passing bool   // Starter.Start takes it away
}
