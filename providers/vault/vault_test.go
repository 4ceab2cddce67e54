package vault_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/vault"
)

func TestASecretOfSeveralVariablesIsLookedUpOnce(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	got, err := vault.Pinned(t.Context(), manifest.Function{Secrets: map[string]string{"A": "key", "B": "key", "C": "other"}}, func(_ context.Context, secret string) (string, error) {
		looks.Add(1)
		return secret + "#1", nil
	})
	if err != nil || looks.Load() != 2 {
		t.Errorf("%d looks, %v", looks.Load(), err)
	}
	if diff := cmp.Diff(map[string]string{"A": "key#1", "B": "key#1", "C": "other#1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAllSecretsThatAreMissingAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	got, err := vault.Pinned(t.Context(), manifest.Function{Secrets: map[string]string{"A": "a", "B": "b", "C": "c"}}, func(_ context.Context, secret string) (string, error) {
		if secret == "b" {
			return "b#1", nil
		}
		return "", errors.New("there is no secret " + secret)
	})
	if got != nil || err == nil || err.Error() != "there is no secret a\nthere is no secret c" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAValueThatNoVariableCanHaveIsRefused(t *testing.T) {
	t.Parallel()
	for value, words := range map[string]string{
		"":         "the value of the secret key is empty",
		"12345678": "longer than 7 bytes",
		"a\x00b":   "bytes that an environment variable cannot",
		"\xff":     "bytes that an environment variable cannot",
		"1234567":  "",
		"é":        "",
	} {
		err := vault.Keepable("aws", "key", []byte(value), 7)
		if words == "" && err != nil || words != "" && (!errors.Is(err, providers.Invalid) || !strings.Contains(err.Error(), words)) {
			t.Errorf("of %q: %v", value, err)
		}
	}
}
