package names_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers/names"
)

// rules are as several providers have them.
func rules() map[string]names.Rule {
	return map[string]names.Rule{
		"64 of any":             {Most: 64},
		"63 in lower case":      {Most: 63, Spell: names.Lower},
		"49 in lower case":      {Most: 49, Spell: names.Lower},
		"32, told apart before": {Most: 32, Spell: names.Lower, Digest: names.First},
	}
}

func TestANameThatIsTakenStaysAsItIs(t *testing.T) {
	for of, r := range rules() {
		for _, name := range []string{"shop-dev-api", "a", strings.Repeat("x", r.Most)} {
			if got := r.Of(name); got != name {
				t.Errorf("%s: %s became %s", of, name, got)
			}
		}
	}
}

func TestALongNameKeepsItsBeginningAndIsToldApartByItsDigest(t *testing.T) {
	long := strings.Repeat("shop-production-", 8)
	for of, r := range rules() {
		got := r.Of(long)
		if len(got) > r.Most || got != r.Of(long) {
			t.Errorf("%s: %q has %d characters", of, got, len(got))
		}
		form := `^shop-production-[a-z-]*-[0-9a-f]{8}$`
		if r.Digest == names.First {
			form = `^[0-9a-f]{8}-shop-production-[a-z-]*$`
		}
		if !regexp.MustCompile(form).MatchString(got) {
			t.Errorf("%s: %q cannot be recognised", of, got)
		}
		if other := r.Of(long + "b"); other == got {
			t.Errorf("%s: two names became %q", of, got)
		}
	}
}

func TestWhatAProviderWritesAlikeIsToldApart(t *testing.T) {
	for of, r := range rules() {
		if r.Spell == nil {
			continue
		}
		seen := map[string]string{}
		for _, name := range []string{"order-mail", "order_mail", "Order-mail", "order.mail", "order mail"} {
			got := r.Of(name)
			if before, again := seen[got]; again {
				t.Errorf("%s: %q and %q are both %q", of, before, name, got)
			}
			seen[got] = name
			if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(got) {
				t.Errorf("%s: %q became %q", of, name, got)
			}
		}
	}
}

func TestNoTwoOfManyNamesBecomeOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	for of, r := range rules() {
		seen := map[string]string{}
		for range 20000 {
			name := []byte("shop-production-")
			for range random.IntN(80) {
				name = append(name, letters[random.IntN(len(letters))])
			}
			got := r.Of(string(name))
			if before, again := seen[got]; again && before != string(name) {
				t.Fatalf("%s: %q and %q are both %q", of, before, name, got)
			}
			if seen[got] = string(name); len(got) > r.Most {
				t.Fatalf("%s: %q has %d characters", of, got, len(got))
			}
		}
	}
}

func TestAListingByTheBeginningMeetsAllNames(t *testing.T) {
	for of, r := range rules() {
		for _, scope := range []string{"shop-dev-", strings.Repeat("s", 32) + "-" + strings.Repeat("p", 32) + "-"} {
			for _, function := range []string{"api", strings.Repeat("f", 32)} {
				if begin := r.Beginning(scope); !strings.HasPrefix(r.Of(scope+function), begin) {
					t.Errorf("%s: %q does not begin with %q", of, r.Of(scope+function), begin)
				}
			}
		}
	}
}
