package shift

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
)

// keyVariable has the key that lets requests in to the new side, in the environment of the old side's function.
const keyVariable = manifest.MigrationVariable + "_KEY"

// keySecret is the secret of the old side that has the key of a function on the new side.
func keySecret(function string) string { return "ferry-migration-" + function }

// keyHeader is the header of the key that lets requests in to a function of the new side; "" is one that lets everybody in.
func (m *Move) keyHeader(function string) string {
	fn, _ := m.To.Manifest.Function(function)
	holder, holds := providers.As[providers.Keyholder](m.To.Adapter)
	if !holds || fn.HTTP() == nil || !fn.HTTP().Private() {
		return ""
	}
	return holder.KeyHeader()
}

// private are the functions that requests are forwarded to with a key.
func (m *Move) private() []string {
	var names []string
	for _, fn := range m.From.Manifest.Functions {
		if callable(fn) && m.keyHeader(fn.Name) != "" {
			names = append(names, fn.Name)
		}
	}
	return names
}

// keyed are the functions of the old side with the keys that they forward with.
func (m *Move) keyed(all []manifest.Function) []manifest.Function {
	for i, fn := range all {
		if !callable(fn) || m.keyHeader(fn.Name) == "" {
			continue
		}
		if fn.Secrets = maps.Clone(fn.Secrets); fn.Secrets == nil {
			fn.Secrets = map[string]string{}
		}
		fn.Secrets[keyVariable] = keySecret(fn.Name)
		all[i] = fn
	}
	return all
}

// unprovable is why the old side could not say on the new one who it is; "" is that it can, or need not.
func (m *Move) unprovable(function string) string {
	fn, _ := m.To.Manifest.Function(function)
	if fn.HTTP() == nil || !fn.HTTP().Private() {
		return ""
	}
	if _, holds := providers.As[providers.Keyholder](m.To.Adapter); !holds {
		return fmt.Sprintf("it is private on %s, which lets in callers with an identity there, and functions on %s have none", m.to(), m.from())
	}
	if _, keeps := providers.As[providers.Vault](m.From.Adapter); !keeps {
		return fmt.Sprintf("it is private on %s, and %s keeps no secrets such as the key of it", m.to(), m.from())
	}
	return ""
}

// keepsKeys fails where the old side could not keep the keys of the new one.
func (m *Move) keepsKeys(ctx context.Context) error {
	vault, keeps := providers.As[providers.Vault](m.From.Adapter)
	if !keeps || len(m.private()) == 0 {
		return nil
	}
	_, err := vault.Secrets(ctx)
	return err
}

// admit gives the old side the keys of the new side's private functions. Each is proven: with it a request gets to the function,
// and without it none.
func (m *Move) admit(ctx context.Context, now *release.Migration) error {
	holder, _ := providers.As[providers.Keyholder](m.To.Adapter)
	vault, _ := providers.As[providers.Vault](m.From.Adapter)
	for _, function := range m.private() {
		key, err := holder.Key(ctx, function)
		if err != nil {
			return err
		}
		if err := m.prove(ctx, now, function, http.Header{}); !errors.Is(err, providers.Denied) {
			return m.unproven(function, "without its key a request is not refused", err)
		}
		if err := m.prove(ctx, now, function, http.Header{http.CanonicalHeaderKey(holder.KeyHeader()): {key}}); err != nil {
			return m.unproven(function, "a request with its key does not get to it", err)
		}
		if err := vault.SetSecret(ctx, keySecret(function), []byte(key)); err != nil {
			return err
		}
	}
	return nil
}

// unproven is the error of a function that the old side cannot call as it has to.
func (m *Move) unproven(function, what string, err error) error {
	if err != nil {
		what += ": " + err.Error()
	}
	return &providers.Error{
		Kind: providers.Unhealthy, Op: "migrate", Function: function, Provider: m.To.Manifest.Target.Provider,
		Hint: "run the same again, or take it back with `ferry migrate abort`", Err: errors.New(what),
	}
}

// prove asks whether a request gets to a function of the new side, whose shim answers it alone. Denied is that it was refused on
// the way.
func (m *Move) prove(ctx context.Context, now *release.Migration, function string, header http.Header) error {
	sealed, err := json.Marshal(map[string]any{"secret": now.Secret, "probe": true})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, now.URLs[function], nil)
	if err != nil {
		return err
	}
	request.Header = header
	request.Header.Set("Ferry-Forwarded", base64.RawURLEncoding.EncodeToString(sealed))
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	switch reached := answer.Header.Get("Ferry-Side") == m.to(); {
	case reached && answer.StatusCode == http.StatusNoContent:
		return nil
	case !reached && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%w: status %d", providers.Denied, answer.StatusCode)
	}
	return fmt.Errorf("status %d", answer.StatusCode)
}

// forgetKeys takes the keys out of the old side's vault.
func (m *Move) forgetKeys(ctx context.Context) error {
	vault, keeps := providers.As[providers.Vault](m.From.Adapter)
	if !keeps {
		return nil
	}
	for _, function := range m.private() {
		if err := vault.RemoveSecret(ctx, keySecret(function)); err != nil {
			return err
		}
	}
	return nil
}
