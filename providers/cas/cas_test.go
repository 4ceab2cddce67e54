package cas_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/cas"
)

// shelf is a store that is read only, of tags by key; one that is "?" cannot be read.
type shelf map[string]providers.Tag

func (s shelf) Get(_ context.Context, key string) (providers.Object, error) {
	tag, ok := s[key]
	switch {
	case !ok:
		return providers.Object{}, providers.NotFound
	case tag == "?":
		return providers.Object{}, providers.Denied
	}
	return providers.Object{Body: io.NopCloser(strings.NewReader("")), Tag: tag}, nil
}

func (shelf) Put(context.Context, string, io.ReadSeeker, providers.Condition) (providers.Tag, error) {
	return "", providers.Unsupported
}

func (shelf) Delete(context.Context, string, providers.Condition) error { return providers.Unsupported }

func (shelf) List(context.Context, string) ([]string, error) { return nil, providers.Unsupported }

func TestAConditionHoldsForTheObjectThatItNames(t *testing.T) {
	r := cas.Rules{Provider: "cloud"}
	for _, c := range []struct {
		has  providers.Tag
		c    providers.Condition
		want string // "" holds
	}{
		{"", providers.Condition{}, ""},
		{"a", providers.Condition{}, ""},
		{"", providers.IfAbsent(), ""},
		{"a", providers.IfAbsent(), "exists"},
		{"a", providers.IfTag("a"), ""},
		{"b", providers.IfTag("a"), "was changed"},
		{"", providers.IfTag("a"), "is gone"},
	} {
		err := r.Holds("key", c.has, c.c)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, providers.Conflict) || !strings.HasSuffix(err.Error(), c.want)) {
			t.Errorf("%q under %+v: %v", c.has, c.c, err)
		}
	}
}

func TestAWriteThatReliesOnAnotherObjectIsRefusedOnceThatChanged(t *testing.T) {
	r, s := cas.Rules{Provider: "cloud"}, shelf{"lock": "a", "secret": "?"}
	for _, c := range []struct {
		g    providers.Guard
		want error
	}{
		{providers.Guard{}, nil},
		{providers.Guard{Key: "lock", Tag: "a"}, nil},
		{providers.Guard{Key: "lock", Tag: "b"}, providers.Conflict},
		{providers.Guard{Key: "gone", Tag: "a"}, providers.Conflict},
		{providers.Guard{Key: "secret", Tag: "a"}, providers.Denied},
	} {
		if err := r.Guarded(t.Context(), s, c.g); !errors.Is(err, c.want) {
			t.Errorf("%+v gives %v", c.g, err)
		}
	}
}

func TestAWriteWhoseReplyWasLostIsDoneWhenItsObjectIsThere(t *testing.T) {
	lost, s := errors.New("the connection broke"), shelf{"one": "a", "secret": "?"}
	for _, c := range []struct {
		key   string
		want  providers.Tag
		reply error
		ends  error
	}{
		{"one", "a", lost, nil},
		{"one", "b", lost, lost},
		{"one", "", lost, lost},
		{"gone", "", lost, nil},
		{"gone", "a", lost, lost},
		{"secret", "a", lost, lost},
		{"secret", "", lost, lost},
		{"gone", "a", nil, nil},
	} {
		if err := cas.Ended(t.Context(), s, c.key, c.want, c.reply); !errors.Is(err, c.ends) {
			t.Errorf("%+v gives %v", c, err)
		}
	}
}

func TestOnlyKeysAreAdmitted(t *testing.T) {
	r := cas.Rules{Provider: "cloud"}
	if err := r.Admit("a/b.json"); err != nil {
		t.Error(err)
	}
	if err := r.Admit("../b"); !errors.Is(err, providers.Invalid) {
		t.Errorf("it admits what is no key: %v", err)
	}
}
