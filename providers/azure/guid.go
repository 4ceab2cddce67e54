package azure

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// newGUID is an id of its own, in the form that Azure's providers insist on.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return guidOf(b, 4)
}

// guidFor is the id that these words always give.
func guidFor(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return guidOf([16]byte(h.Sum(nil)[:16]), 8)
}

func guidOf(b [16]byte, version byte) string {
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
