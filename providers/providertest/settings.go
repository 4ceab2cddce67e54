package providertest

import (
	"maps"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// setting is one key of a function that a place honours or that Check raises.
type setting struct {
	field string
	set   func(*manifest.Function)
	get   func(manifest.Function) any
}

// settingsOf are the settings with values that differ from those of a spec of the place.
func settingsOf(p Place, fn manifest.Function) []setting {
	arch := "arm64"
	if p.Adapter.Platform(fn).Arch == arch {
		arch = "amd64"
	}
	number := func(field string, value int, of func(*manifest.Function) *int) setting {
		return setting{
			field, func(f *manifest.Function) { *of(f) = value },
			func(f manifest.Function) any { return *of(&f) },
		}
	}
	return []setting{
		{"memory", func(f *manifest.Function) { f.Memory = 1024 * manifest.MB }, func(f manifest.Function) any { return f.Memory }},
		{"timeout", func(f *manifest.Function) { f.Timeout = manifest.Duration(17 * time.Second) }, func(f manifest.Function) any { return f.Timeout }},
		{"architecture", func(f *manifest.Function) { f.Architecture = arch }, func(f manifest.Function) any { return f.Architecture }},
		number("scaling.min", 2, func(f *manifest.Function) *int { return &f.Scaling.Min }),
		number("scaling.max", 7, func(f *manifest.Function) *int { return &f.Scaling.Max }),
		number("scaling.concurrency", 3, func(f *manifest.Function) *int { return &f.Scaling.Concurrency }),
		{"events[0].http.auth", func(f *manifest.Function) {
			f.Events = slices.Clone(f.Events)
			f.Events[0].HTTP = &manifest.HTTPEvent{Auth: "private"}
		}, auth},
	}
}

// auth is who may call.
func auth(f manifest.Function) any {
	if http := f.HTTP(); http != nil {
		return http.Auth
	}
	return ""
}

func settings(s *scenario) {
	plain := s.Spec(s.TB, "api", "one", "a")
	for _, one := range settingsOf(s.Place, plain.Function) {
		spec := plain
		one.set(&spec.Function)
		if s.raised(spec.Function, one.field) {
			continue
		}
		s.live(Digested(spec))
		if diff := cmp.Diff(one.get(spec.Function), one.get(s.Observe(s.TB, "api"))); diff != "" {
			s.Errorf("%s is neither honoured nor raised as an issue (-want +got):\n%s", one.field, diff)
		}
	}
}

func settingsRestored(s *scenario) {
	plain := s.Spec(s.TB, "api", "one", "a")
	before := s.live(plain)
	was := s.Observe(s.TB, "api")
	for _, one := range settingsOf(s.Place, plain.Function) {
		spec := plain
		one.set(&spec.Function)
		if s.raised(spec.Function, one.field) {
			continue
		}
		s.live(Digested(spec))
		s.activate(plain, before, 0)
		if diff := cmp.Diff(one.get(was), one.get(s.Observe(s.TB, "api"))); diff != "" {
			s.Errorf("%s did not come back with its revision (-want +got):\n%s", one.field, diff)
		}
	}
}

func inspected(s *scenario) {
	one, two := s.Spec(s.TB, "api", "one", "a"), s.Spec(s.TB, "api", "two", "b")
	s.live(one)
	differences := func(spec providers.Spec) []providers.Difference {
		s.Helper()
		found, err := able[providers.Inspector](s).Inspect(s.ctx, spec)
		s.ok(err)
		return found
	}
	if found := differences(one); len(found) > 0 {
		s.Errorf("a closer look at what is live as it was published finds %+v", found)
	}
	if len(differences(two)) == 0 {
		s.Error("a closer look finds that what is live is as another spec")
	}
}

func secrets(s *scenario) {
	spec := s.Spec(s.TB, "api", "one", "a")
	spec.Function.Env, spec.Function.Secrets = maps.Clone(spec.Function.Env), map[string]string{"WORD": "stripe-key"}
	delete(spec.Function.Env, "WORD")
	if s.raised(spec.Function, "secrets") {
		return
	}
	vault, ok := providers.As[providers.Vault](s.Adapter)
	if !ok {
		s.Fatal("secrets are neither refused nor can be set")
	}
	s.ok(vault.SetSecret(s.ctx, "stripe-key", []byte("hunter2")))
	spec.Secrets = spec.Function.Secrets
	if p, ok := providers.As[providers.Pinner](s.Adapter); ok {
		pinned, err := p.Pin(s.ctx, spec.Function)
		s.ok(err)
		spec.Secrets = pinned
	}
	spec = Digested(spec)
	r := s.live(spec)
	s.serves("api", &r, "one", "hunter2")
}

// hostile are values that something on the way may take for its own syntax.
func hostile() []string {
	return []string{
		"it's \"quoted\" $HOME ${HOME} $(id) `id` %PATH% <&>;|", `back\slash \n \t \u0041 a=b=c`, "two\nlines\tand a tab\r\n", "  around  ",
		`{"json": [1, "a=b"]}`, "grüße 🌍 \u2028 #comment --flag", "null", "0755", "",
	}
}

func hostileValues(s *scenario) {
	for _, value := range hostile() {
		spec := s.Spec(s.TB, "api", "one", value)
		if s.raised(spec.Function, "env.WORD") {
			continue
		}
		r := s.live(spec)
		s.serves("api", &r, "one", value)
	}
}

func impostor(s *scenario) {
	r := s.live(s.Spec(s.TB, "api", "one", "a"))
	spec := s.Impostor(s.TB, "api")
	published := s.publish(spec)
	if err := able[providers.Prober](s).Probe(s.ctx, spec, published); err == nil {
		s.Error("a probe was answered with another digest, and was believed")
	}
	if st := s.status("api"); !st.Serves(&r) {
		s.Errorf("want api to serve %s, got %+v", r.ID, st)
	}
}
