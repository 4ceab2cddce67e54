package manifest

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
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

// keysOfEvents is the table of the keys of all kinds, as the docs have it.
func keysOfEvents() string {
	var b strings.Builder
	b.WriteString("| event | key | meaning |\n|---|---|---|\n")
	for _, kind := range reflect.VisibleFields(reflect.TypeFor[Event]()) {
		first := "`" + jsonName(kind) + "`"
		for _, key := range reflect.VisibleFields(kind.Type.Elem()) {
			meaning := key.Tag.Get("jsonschema")
			if jsonName(key) == eventKinds()[jsonName(kind)].needs {
				meaning += " Required."
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", first, jsonName(key), meaning)
			first = ""
		}
	}
	return b.String()
}

func TestTheDocsHaveEveryKeyOfEveryEvent(t *testing.T) {
	const file, begin, end = "../docs/manifest.md", "<!-- begin of what `go test ./manifest -update` writes -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no place for the table of events", file)
	}
	golden(t, file, before+begin+keysOfEvents()+end+after)
}
