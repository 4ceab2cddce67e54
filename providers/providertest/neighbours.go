package providertest

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferryfn/ferry/providers"
)

// names expects what a place lists of its functions, where it is a Lister.
func (s *scenario) names(want ...string) {
	s.Helper()
	l, ok := providers.As[providers.Lister](s.Adapter)
	if !ok {
		return
	}
	got, err := l.Functions(s.ctx)
	s.ok(err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.Errorf("the functions (-want +got):\n%s", diff)
	}
}

// keeps expects whether a revision of api is stored, by every way to ask.
func (s *scenario) keeps(r providers.Revision, want bool) {
	s.Helper()
	p, ok := providers.As[providers.Pruner](s.Adapter)
	if !ok {
		return
	}
	list, err := p.Revisions(s.ctx, "api")
	s.ok(err)
	stored, err := p.Stored(s.ctx, "api", r)
	s.ok(err)
	if listed := slices.Contains(list, r); listed != want || stored != want {
		s.Errorf("revision %s of api: listed is %t, stored is %t, want %t", r.ID, listed, stored, want)
	}
}

func shared(s *scenario) {
	one := s.Spec(s.TB, "api", "one", "a")
	first := s.publish(one)
	other := s.again()
	if r := other.publish(one); r != first {
		s.Errorf("another process got revision %+v of a spec that was published as %+v", r, first)
	}
	s.activate(one, first, 0)
	other.serves("api", &first, "one", "a")
	other.names("api")
	two := other.Spec(s.TB, "api", "two", "b")
	second := other.live(two)
	s.serves("api", &second, "two", "b")
	s.keeps(first, true)
	s.keeps(second, true)
	if p, ok := providers.As[providers.Pruner](other.Adapter); ok {
		s.ok(p.Prune(s.ctx, "api", first, 0))
		s.keeps(first, false)
	}
	s.ok(other.Adapter.Remove(s.ctx, "api", 0))
	s.serves("api", nil, "", "")
	s.names()
	s.again().names()
}

// next are the services and stages beside that of the place.
func (s *scenario) next() []*scenario {
	s.Helper()
	return []*scenario{s.beside("next", s.Stage), s.beside(s.Service, "next")}
}

func neighbours(s *scenario) {
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	for _, n := range s.next() {
		n.serves("api", nil, "", "")
		n.names()
		n.keeps(r, false)
		s.ok(n.Adapter.Remove(s.ctx, "api", 0))
		s.serves("api", &r, "one", "a")
		theirs := n.live(n.Spec(s.TB, "api", "two", "b"))
		s.publish(s.Spec(s.TB, "web", "one", "a"))
		n.serves("api", &theirs, "two", "b")
		n.names("api")
		s.serves("api", &r, "one", "a")
		s.names("api", "web")
		s.ok(s.Adapter.Remove(s.ctx, "api", 0))
		n.serves("api", &theirs, "two", "b")
		r = s.live(s.Spec(s.TB, "api", "one", "a"))
		s.ok(n.Adapter.Remove(s.ctx, "api", 0))
		n.serves("api", nil, "", "")
		s.serves("api", &r, "one", "a")
	}
}

func neighboursEpochs(s *scenario) {
	s.activate7("api")
	for _, n := range s.next() {
		got, err := able[providers.Fencer](n).Epoch(s.ctx, []string{"api"})
		s.ok(err)
		if got != 0 {
			s.Errorf("a neighbour was shown epoch %d", got)
		}
		spec := n.Spec(s.TB, "api", "two", "b")
		n.activate(spec, n.publish(spec), 1)
	}
	s.again().shows(7)
}

// activate7 makes a function live under epoch 7.
func (s *scenario) activate7(function string) {
	s.Helper()
	spec := s.Spec(s.TB, function, "one", "a")
	s.activate(spec, s.publish(spec), 7)
}

func neighboursSecrets(s *scenario) {
	v := able[providers.Vault](s)
	s.ok(v.SetSecret(s.ctx, "key", []byte("value")))
	for _, n := range s.next() {
		theirs := able[providers.Vault](n)
		if err := theirs.RemoveSecret(s.ctx, "key"); err != nil { // the account has one secret of that name
			n.fails(err, providers.Foreign)
		}
		if names, err := theirs.Secrets(s.ctx); err != nil || len(names) > 0 {
			s.Errorf("a neighbour has the secrets %q, %v", names, err)
		}
	}
	if names, err := v.Secrets(s.ctx); err != nil || !slices.Equal(names, []string{"key"}) {
		s.Errorf("the secrets are %q, %v", names, err)
	}
}

func collidingNames(s *scenario) {
	r := s.live(s.Spec(s.TB, "x-api", "one", "a"))
	n := s.beside(s.Service, s.Stage+"-x") // joined by dashes, its api has the same name
	if st := n.status("api"); st.Revision != nil {
		s.Errorf("a function of another stage has the state of x-api: %+v", st)
	}
	n.names()
	s.ok(n.Adapter.Remove(s.ctx, "api", 0))
	s.serves("x-api", &r, "one", "a")
	spec := n.Spec(s.TB, "api", "two", "b")
	theirs, err := n.Adapter.Publish(s.ctx, spec, 0)
	if err != nil { // the place cannot have both, and says so
		n.fails(err, providers.Foreign)
		s.serves("x-api", &r, "one", "a")
		return
	}
	n.activate(spec, theirs, 0)
	n.serves("api", &theirs, "two", "b")
	s.serves("x-api", &r, "one", "a")
}

// longest is how long every name in a manifest may be.
const longest = 32

func longestNames(s *scenario) {
	long := func(end string) string { return "n" + strings.Repeat("a", longest-1-len(end)) + end }
	n := s.beside(long("s"), long("t"))
	first, second := n.live(n.Spec(s.TB, long("b"), "one", "a")), n.live(n.Spec(s.TB, long("c"), "two", "b"))
	n.serves(long("b"), &first, "one", "a")
	n.serves(long("c"), &second, "two", "b")
	n.names(long("b"), long("c"))
	other := s.beside(long("s"), long("u"))
	other.serves(long("b"), nil, "", "")
	other.names()
	s.ok(n.Adapter.Remove(s.ctx, long("b"), 0))
	n.serves(long("b"), nil, "", "")
	n.serves(long("c"), &second, "two", "b")
}
