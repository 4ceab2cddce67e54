package manifest

import "slices"

// Shape is what a handler is called with.
type Shape string

// The shapes.
const (
	ShapeHTTP  Shape = "http"  // a request that is answered
	ShapeEvent Shape = "event" // an event that is acknowledged
)

// Takes is whether a handler of the style can be called with the shape. Most can be with both.
func (s Style) Takes(shape Shape) bool {
	switch s {
	case StyleGCFHTTP:
		return shape == ShapeHTTP
	case StyleGCFEvent:
		return shape == ShapeEvent
	default:
		return true
	}
}

// knownStyles lists the styles of all languages, in their order, that a rule holds for.
func knownStyles(holds func(Style) bool) []any {
	var out []any
	for _, l := range languages {
		for _, s := range l.styles {
			if holds(s) && !slices.Contains(out, any(string(s))) {
				out = append(out, string(s))
			}
		}
	}
	return out
}

// without is the rule that a style does not take a shape.
func without(shape Shape) func(Style) bool {
	return func(s Style) bool { return !s.Takes(shape) }
}
