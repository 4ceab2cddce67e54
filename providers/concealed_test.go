package providers_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/masking"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

func TestAMaskedValueIsHiddenHoweverItIsWritten(t *testing.T) {
	const secret = `hunter2"<s3cr€t>/+ & more`
	hide := masking.Of(providers.Concealed(manifest.Function{
		Env: map[string]string{"TOKEN": secret + "\nsecond line\nok", "WORD": "visible"}, Masked: []string{"TOKEN"},
	})...).Hide
	quoted, _ := json.Marshal(secret)
	for _, text := range []string{
		secret, string(quoted), url.QueryEscape(secret), url.PathEscape(secret), "second line",
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		base64.URLEncoding.EncodeToString([]byte("x" + secret + "yz")),
	} {
		got := hide("before " + text + " after")
		if !strings.Contains(got, "•••") || strings.Contains(got, text) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q is %q", text, got)
		}
	}
	for _, text := range []string{"visible", "ok", "nothing of it"} {
		if got := hide(text); got != text {
			t.Errorf("%q is %q", text, got)
		}
	}
	if got := masking.Of().Hide("as it is"); got != "as it is" {
		t.Errorf("without values it is %q", got)
	}
}
