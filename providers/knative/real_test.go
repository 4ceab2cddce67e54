package knative

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ferryfn/ferry/internal/knativetest"
	"github.com/ferryfn/ferry/providers/providertest"
	"github.com/ferryfn/ferry/release/faults"
)

// realHaste is how many times shorter pauses are where the control plane is a real one, which takes its time.
const realHaste = 4

// planeDir is where a real control plane is built.
func planeDir(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	return cmp.Or(os.Getenv("FERRY_CONTROL_PLANE"), filepath.Join(cache, "ferry-tests", "knative"))
}

// newPlane starts a real control plane.
func newPlane(t *testing.T) *knativetest.Plane {
	t.Helper()
	dir := planeDir(t)
	if lacks := knativetest.Missing(dir); lacks != "" {
		t.Skip(lacks)
	}
	return knativetest.NewPlane(t, dir)
}

// role is the one that docs/knative.md shows.
func role(t testing.TB) []byte {
	t.Helper()
	page, err := os.ReadFile("../../docs/knative.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac[^`]*)```").FindSubmatch(page)
	if found == nil {
		t.Fatal("docs/knative.md shows no role")
	}
	return found[1]
}

// What is tried on an imitation holds where Kubernetes and Knative are the real ones, with a caller who may do what docs/knative.md
// says and no more.
func TestKnative(t *testing.T) {
	t.Parallel()
	t.Run("on a real control plane", func(t *testing.T) {
		plane := newPlane(t)
		open := func(t testing.TB) stand { return standIn(t, plane.Cluster(t, role(t)), realHaste) }
		from := newSources(t)
		tenant := func(t *testing.T) faults.Network { return tenantOf(t, open(t), from).network() }
		t.Run("tests", func(t *testing.T) {
			t.Run("the contract", func(t *testing.T) {
				t.Parallel()
				providertest.Run(t, func(t *testing.T) providertest.Place { return open(t).place(t, "shop", "dev") })
			})
			t.Run("the store", func(t *testing.T) {
				t.Parallel()
				providertest.RunStore(t, func(t *testing.T) providertest.StorePlace { return storePlace(t, open(t)) })
			})
			t.Run("two deploys, and one beside kubectl", func(t *testing.T) {
				t.Parallel()
				oneOfTwoWins(t, open(t))
			})
			t.Run("events of a broker", func(t *testing.T) {
				t.Parallel()
				needPython(t)
				messagesAreDelivered(t, open(t))
			})
			t.Run("an image that is not to be had", func(t *testing.T) {
				t.Parallel()
				unpullableIsSaidAtOnce(t, open(t))
			})
			t.Run("amounts", func(t *testing.T) {
				t.Parallel()
				amountsAreNoDrift(t, open(t))
			})
			t.Run("a fault at any call", func(t *testing.T) {
				t.Parallel()
				faults.Withstands(t, faults.Options{Every: 2000}, func(t *testing.T) faults.Place { return tenant(t).Place })
			})
			t.Run("any request may go wrong", func(t *testing.T) {
				t.Parallel()
				faults.Calls(t, faults.Options{Every: 270}, tenant)
			})
			t.Run("a request of an overtaken deploy", func(t *testing.T) {
				t.Parallel()
				faults.Late(t, faults.Options{Every: 60}, tenant)
			})
		})
	})
}
