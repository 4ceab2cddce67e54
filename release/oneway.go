package release

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/providers"
)

// OneWay is a deploy that would do what cannot be taken back, and that nobody asked to do so.
type OneWay struct{ Turns []providers.Issue }

func (o *OneWay) Error() string {
	said := make([]string, len(o.Turns))
	for i, turn := range o.Turns {
		said[i] = turn.Function + ": " + turn.Message
	}
	return strings.Join(said, "\n")
}

// turns are warnings of what cannot be taken back once these functions are made. One that cannot be made where it is, is an error.
func (e *Engine) turns(s *scene, functions map[string]FunctionRecord) ([]providers.Issue, error) {
	t, ok := providers.As[providers.Turner](e.Adapter)
	if !ok {
		return nil, nil
	}
	var found []providers.Issue
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		f := functions[name]
		if was, lives := s.liveFunctions()[name]; lives && was.Digest == f.Digest && s.states[name].Serves(&was.Revision) {
			continue // it is not made again
		}
		what, err := t.Turn(s.states[name], f.spec())
		errs = append(errs, err)
		if what != "" {
			found = append(found, providers.Issue{Function: name, Severity: providers.Warning, Message: what, Hint: "`ferry deploy` asks first; where there is no terminal it needs --yes"})
		}
	}
	return found, errors.Join(errs...)
}
