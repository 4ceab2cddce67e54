package aws

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
)

func TestEveryKindOfEventIsBound(t *testing.T) {
	kinds := reflect.TypeFor[manifest.Event]()
	for i := range kinds.NumField() {
		kind, _, _ := strings.Cut(kinds.Field(i).Tag.Get("json"), ",")
		if !slices.ContainsFunc(eventKinds(), func(k eventKind) bool { return k.name == kind && (kind == "http" || k.calling != nil && k.bind != nil) }) {
			t.Errorf("nothing is bound for %s events", kind)
		}
	}
}
