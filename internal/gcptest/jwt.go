package gcptest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// keyID names the one key that signs for all, service accounts and Google.
const keyID = "0123456789abcdef0123456789abcdef01234567"

// key is made once: it guards nothing.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the size is one that there is
	}
	return k
})

// pemKey is the key as it stands in a service account's file.
func pemKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(key())
	if err != nil {
		panic(err) // it is an RSA key
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// claims are what a token says.
type claims struct {
	Issuer         string `json:"iss"`
	Subject        string `json:"sub,omitempty"`
	Audience       string `json:"aud,omitempty"`
	Authorized     string `json:"azp,omitempty"`
	Email          string `json:"email,omitempty"`
	Verified       bool   `json:"email_verified,omitempty"`
	Scope          string `json:"scope,omitempty"`
	TargetAudience string `json:"target_audience,omitempty"`
	IssuedAt       int64  `json:"iat"`
	Expires        int64  `json:"exp"`
}

func sign(c claims) string {
	header, _ := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": keyID}) // strings encode
	body, _ := json.Marshal(c)                                                               // so do they and numbers
	text := encode(header) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is long enough
	}
	return text + "." + encode(signature)
}

// verify reads a token that the key signed and that has not run out.
func verify(token string) (claims, error) {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, errors.New("it is no token")
	}
	signature, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[2], "="))
	if err != nil {
		return c, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&key().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		return c, err
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, err
	}
	if now := time.Now().Unix(); now >= c.Expires || c.IssuedAt > now+60 {
		return c, errors.New("it has run out, or is not yet valid")
	}
	return c, nil
}

// keySet is the public key, as Google publishes its own.
func keySet() any {
	public := key().PublicKey
	return map[string]any{"keys": []any{map[string]string{
		"kid": keyID, "kty": "RSA", "alg": "RS256", "use": "sig",
		"n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes()),
	}}}
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
