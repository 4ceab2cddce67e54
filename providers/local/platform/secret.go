package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// SecretSize is how long a secret's value may be, in bytes.
const SecretSize = 64 << 10

// SetSecret keeps a secret's value, in place of an earlier one. Client.Renew has running instances replaced.
func (h Home) SetSecret(s Scope, name string, value []byte) error {
	path, err := h.secretFile(s, name)
	if err != nil {
		return err
	}
	switch {
	case len(value) == 0:
		return failed(CodeInvalid, "", "the value of the secret %s is empty", name)
	case len(value) > SecretSize:
		return failed(CodeInvalid, "", "the value of the secret %s is longer than %d bytes", name, SecretSize)
	case bytes.IndexByte(value, 0) >= 0:
		return failed(CodeInvalid, "", "the value of the secret %s holds a zero byte, which no environment variable can", name)
	}
	sweepOld(filepath.Dir(path)) // half a value must not stay for long
	return WriteFile(path, append(bytes.Clone(value), '\n'))
}

// Secrets names the secrets that have a value, sorted.
func (h Home) Secrets(s Scope) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(h.secrets(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var found []string
	for _, e := range entries {
		if name, bad := url.PathUnescape(e.Name()); bad == nil && !strings.HasPrefix(name, ".") && e.Type().IsRegular() {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, err
}

// RemoveSecret forgets a secret's value; running instances keep it. Removing nothing is no error.
func (h Home) RemoveSecret(s Scope, name string) error {
	path, err := h.secretFile(s, name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return ignoreAbsent(err)
	}
	dir := filepath.Dir(path)
	if err := removeEmpty(dir, filepath.Dir(dir)); err != nil {
		return ignoreFilled(err)
	}
	return nil
}

// RemoveSecrets forgets the values of all secrets, also of one that was being set when a kill came.
func (h Home) RemoveSecrets(s Scope) error {
	if err := s.check(); err != nil {
		return err
	}
	dir := h.secrets(s)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return ignoreFilled(removeEmpty(filepath.Dir(dir)))
}

// secret reads a value. One newline at the end of the file is not part of it, so that a person may write one.
func (h Home) secret(s Scope, function, name string) (string, error) {
	path, err := h.secretFile(s, name)
	if err != nil {
		return "", err
	}
	value, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Error{
			Code: CodeSecret, Function: function, Name: name,
			Message: fmt.Sprintf("%s needs the secret %s, which has no value", function, name),
		}
	}
	if err != nil {
		return "", fmt.Errorf("reading the secret %s of %s: %w", name, function, err)
	}
	return string(bytes.TrimSuffix(value, []byte("\n"))), nil
}

func (h Home) secrets(s Scope) string { return h.path("secrets", s.Service, s.Stage) }

// secretFile is the file of a secret. Its name may hold what the names of the clouds' secrets do, slashes too.
func (h Home) secretFile(s Scope, name string) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	file := url.PathEscape(name)
	unprintable := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	if name == "" || name[0] == '.' || unprintable || len(file) > 200 {
		return "", &Error{Code: CodeInvalid, Message: "the name " + quote(name) + " cannot be a secret's name"}
	}
	return filepath.Join(h.secrets(s), file), nil
}

// renew replaces the instances that got a secret's earlier value, or all where none is named. Their requests finish.
func (s *service) renew(secret string) {
	s.mu.Lock()
	for function := range s.hot {
		s.cool(function) // it may have begun with an earlier value
	}
	s.mu.Unlock()
	for _, r := range *s.routes.Load() {
		for _, p := range r.pools() {
			if secret == "" {
				p.renew("takes no new requests: it is replaced as somebody asked")
				continue
			}
			for _, name := range p.revision.Secrets {
				if name == secret {
					p.renew("takes no new requests: the secret " + secret + " has a new value")
					break
				}
			}
		}
	}
}

func (s *server) renew(_ context.Context, q SecretRequest) (none, error) {
	svc, err := s.service(q.Scope)
	if err == nil {
		svc.renew(q.Secret)
	}
	return none{}, err
}
