package gcp

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	run "google.golang.org/api/run/v2"

	"github.com/ferryfn/ferry/internal/gcptest"
	"github.com/ferryfn/ferry/internal/standin"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/providers/until"
)

// deployment publishes and activates functions by one adapter, whose containers are answered for.
type deployment struct {
	*testing.T
	shop
	*Adapter
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	s := newShop(t)
	s.Answer(imitated)
	return &deployment{t, s, s.process(t, "shop", "dev")}
}

func (d *deployment) spec(auth, word string) providers.Spec {
	d.Helper()
	s := d.packaged(d.T, d.Adapter, "api", word, "def app(environ, start_response): pass\n")
	s.Function.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: auth}}}
	return providertest.Digested(s)
}

// live makes a spec serve.
func (d *deployment) live(s providers.Spec) providers.State {
	d.Helper()
	ctx := until.Hasten(d.Context(), haste)
	r, err := d.Publish(ctx, s, 0)
	if err != nil {
		d.Fatal(err)
	}
	from, err := d.Status(ctx, "api")
	if err != nil {
		d.Fatal(err)
	}
	st, err := d.Activate(ctx, providers.Change{Spec: s, From: from, To: &r})
	if err != nil {
		d.Fatal(err)
	}
	return st
}

// answers is the status that anybody gets.
func (d *deployment) answers(url string) int {
	d.Helper()
	res, err := http.Get(url)
	if err != nil {
		d.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		d.Error(err)
	}
	return res.StatusCode
}

func TestActivateReturnsWhenAnybodyIsLetInToAPublicFunction(t *testing.T) {
	d := newDeployment(t)
	d.PolicyRequests(4)
	if got := d.answers(d.live(d.spec("public", "a")).URL); got != http.StatusOK {
		t.Errorf("the first request after Activate gets %d", got)
	}
}

func TestWhereTheOrganisationForbidsToLetEverybodyInTheServiceIsToldNotToAsk(t *testing.T) {
	d := newDeployment(t)
	d.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "projects.locations.services.setIamPolicy" {
			return standin.Fail(http.StatusBadRequest, "FAILED_PRECONDITION", "One or more users named in the policy do not belong to a permitted customer, perhaps due to an organization policy.")
		}
		return standin.Fault{}
	})
	st := d.live(d.spec("public", "a"))
	if got := d.answers(st.URL); got != http.StatusOK || st.Unsettled {
		t.Errorf("anybody gets %d, and the state is %+v", got, st)
	}
	d.Intercept(nil)
	if st = d.live(d.spec("private", "a")); d.answers(st.URL) != http.StatusForbidden {
		t.Errorf("anybody gets %d of a private function", d.answers(st.URL))
	}
}

func TestAFunctionIsShutBeforeItsRequestsMoveAndOpenedAfter(t *testing.T) {
	d := newDeployment(t)
	order := func(auth, word string) string {
		t.Helper()
		d.Reset()
		d.live(d.spec(auth, word))
		var steps []string
		for _, c := range d.Calls() {
			if c.Service == "run" && c.Write {
				steps = append(steps, strings.TrimPrefix(c.Operation, "projects.locations.services."))
			}
		}
		return strings.Join(steps, " ")
	}
	if got := order("public", "a"); got != "create patch setIamPolicy patch" {
		t.Errorf("a first release that is public asks for %s", got)
	}
	if got := order("private", "b"); got != "patch setIamPolicy patch patch" {
		t.Errorf("to become private it asks for %s", got)
	}
	if got := order("public", "c"); got != "patch patch setIamPolicy patch" {
		t.Errorf("to become public it asks for %s", got)
	}
	if got := order("public", "d"); got != "patch patch" {
		t.Errorf("to stay public it asks for %s", got)
	}
}

func TestWhomOthersLetInStaysLetIn(t *testing.T) {
	d := newDeployment(t)
	s := d.spec("private", "a")
	d.live(s)
	c, err := d.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const theirs = "serviceAccount:" + gcptest.Compute
	err = c.changePolicy(t.Context(), "api", func(p *run.GoogleIamV1Policy) bool {
		p.Bindings = append(p.Bindings, &run.GoogleIamV1Binding{Role: invoker, Members: []string{theirs}})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	d.live(d.spec("public", "b"))
	st := d.live(d.spec("private", "c"))
	if _, err := d.Activate(t.Context(), providers.Change{Spec: s, From: st}); err != nil {
		t.Fatal(err)
	}
	p, err := c.policy(t.Context(), "api")
	if err != nil {
		t.Fatal(err)
	}
	if open(p) || !slices.ContainsFunc(p.Bindings, func(b *run.GoogleIamV1Binding) bool { return slices.Contains(b.Members, theirs) }) {
		t.Errorf("let in is %+v", p.Bindings)
	}
}

func TestAKillBetweenTheTrafficAndWhoMayCallIsSeenAndMended(t *testing.T) {
	d := newDeployment(t)
	s := d.spec("public", "a")
	r, err := d.Publish(t.Context(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.Intercept(func(c standin.Call) standin.Fault {
		if c.Operation == "projects.locations.services.setIamPolicy" {
			return standin.Deny()
		}
		return standin.Fault{}
	})
	st, err := d.Activate(t.Context(), providers.Change{Spec: s, From: providers.State{Function: "api"}, To: &r})
	if !errors.Is(err, providers.Denied) || !st.Unsettled || !st.Serves(&r) {
		t.Fatalf("the state is %+v, and the error %v", st, err)
	}
	d.Intercept(nil)
	if st, err = d.Activate(t.Context(), providers.Change{Spec: s, From: st, To: &r}); err != nil || st.Unsettled || d.answers(st.URL) != http.StatusOK {
		t.Errorf("activated again it is %+v, %v", st, err)
	}
}
