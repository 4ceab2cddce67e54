package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
)

// Spec is all that a revision is made from.
type Spec struct {
	Function manifest.Function
	Artifact packager.Artifact
	Secrets  map[string]string // environment name -> pinned reference, never a value
	Base     string            // the edition of the image that the package is laid over, of a Baser
	Digest   string            // SpecDigest of the others
}

// ConfigDigest identifies everything about a revision but its code: the canonical function and the pinned secrets.
func ConfigDigest(fn manifest.Function, secrets map[string]string) string {
	fn.Varying = nil
	data, err := json.Marshal(struct {
		Function manifest.Function `json:"function"`
		Secrets  map[string]string `json:"secrets,omitempty"`
	}{fn, secrets})
	if err != nil {
		panic(fmt.Sprintf("a function always has a JSON form: %v", err))
	}
	return digest(data)
}

// SpecDigest identifies the content of a revision by the digests of its configuration and its zip. The two stay separate, so
// that an adapter can keep each one where the provider keeps that part, and change one without the other.
func SpecDigest(config, zip string) string { return digest([]byte(config + "\n" + zip)) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Revision is one stored, immutable version of a function.
type Revision struct {
	ID     string `json:"id"`     // the provider's name for it
	Digest string `json:"digest"` // the digest of the spec it was published from
}

// Change is one activation.
type Change struct {
	Spec  Spec      // the spec of To; of From when To is nil
	From  State     // what must still be live
	To    *Revision // nil deactivates
	Epoch Epoch     // of the lock that it is made under; of one call all changes have the same
}

// State is what was observed of one function.
type State struct {
	Function string    `json:"function"`
	Revision *Revision `json:"revision,omitempty"` // what serves; nil is nothing
	URL      string    `json:"url,omitempty"`
	Canary   *Canary   `json:"canary,omitempty"` // what gets a share of the requests beside Revision
	Bindings Mode      `json:"bindings"`
	// Fence makes the next change of this state conditional. Activate returns it; "" means that the adapter asks for it when
	// it is needed. Status leaves it empty if it would cost a call.
	Fence string `json:"fence,omitempty"`
	// Unsettled means that some setting which the provider does not version is not as the live revision needs it. Activating
	// that revision again mends it.
	Unsettled bool `json:"unsettled,omitempty"`
	// Lacks names something that the live revision needs and has lost, such as its role; "" is nothing. Publishing and
	// activating its spec again mends it, and overwrites nobody's work.
	Lacks string `json:"lacks,omitempty"`
	// AsWritten means that Revision is what ferry wrote there last, for example in a tag, because a look does not show what
	// serves. Such an adapter is an Inspector, which does see it.
	AsWritten bool `json:"as_written,omitempty"`
	// Maker is what made the function, in the adapter's own word, where the adapter is a Turner.
	Maker string `json:"maker,omitempty"`
	// Foreign means that there is a function of that name which ferry did not make. Then all other fields are empty, but for Maker.
	Foreign bool `json:"foreign,omitempty"`
}

// Canary is a revision that gets a share of a function's requests.
type Canary struct {
	Revision Revision `json:"revision"`
	Percent  int      `json:"percent"` // 1 to 99
}

// Serves reports whether that revision is live.
func (s State) Serves(r *Revision) bool {
	if s.Revision == nil || r == nil {
		return s.Revision == nil && r == nil
	}
	return s.Revision.ID == r.ID
}

// Holds reports whether that revision alone is live, and all that it needs with it.
func (s State) Holds(r *Revision) bool { return s.Serves(r) && s.Canary == nil && !s.Unsettled }

// Mode is the state of a function's event bindings.
type Mode string

// The modes of bindings.
const (
	BindNone    Mode = "none"
	BindPaused  Mode = "paused"
	BindEnabled Mode = "enabled"
)
