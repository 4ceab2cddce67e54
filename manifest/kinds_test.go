package manifest

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryKindOfEventIsInTheTableUnderTheNameOfItsField(t *testing.T) {
	names := eventNames()
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(eventKinds()))); diff != "" {
		t.Errorf("the fields of Event and the table differ (-fields +table):\n%s", diff)
	}
	for name, kind := range eventKinds() {
		if kind.check == nil || kind.shorthand == nil {
			t.Errorf("the row of %s is not whole", name)
		}
	}
}

func TestAnEventSaysItsKind(t *testing.T) {
	for want, e := range map[string]Event{
		"": {}, "http": {HTTP: &HTTPEvent{}}, "schedule": {Schedule: &ScheduleEvent{}}, "object": {Object: &ObjectEvent{}},
	} {
		if got := e.Kind(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
