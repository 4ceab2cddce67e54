package shift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/release"
	"github.com/ferryfn/ferry/templates"
)

// Stay is what a migration does not move.
type Stay struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// possible refuses what no migration can move, all at once.
func (m *Move) possible(ctx context.Context) error {
	var blocked release.Blocked
	refuse := func(fn manifest.Function, why string) {
		blocked = append(blocked, providers.Issue{
			Function: fn.Name, Severity: providers.Blocker, Message: why,
			Hint: "deploy it to the new target and change the address that its callers use",
		})
	}
	for _, fn := range m.From.Manifest.Functions {
		if !callable(fn) {
			continue
		}
		there, _ := m.To.Manifest.Function(fn.Name)
		for _, side := range []struct {
			engine *release.Engine
			fn     manifest.Function
		}{{m.From, fn}, {m.To, there}} {
			if why := unmovable(side.engine, side.fn); why != "" {
				refuse(side.fn, why)
			}
		}
		if why := m.unprovable(fn.Name); why != "" {
			refuse(fn, why)
		}
	}
	if len(blocked) > 0 {
		return blocked
	}
	return m.keepsKeys(ctx)
}

// unmovable is why requests of a function cannot be forwarded; "" is that they can.
func unmovable(e *release.Engine, fn manifest.Function) string {
	shim := e.Adapter.Platform(fn).Shim
	switch {
	case fn.HTTP() == nil:
		return "it answers no requests on " + e.Manifest.Target.Name
	case !fn.Shimmed() || !templates.Forwards(fn.Runtime.Language(), fn.Style, shim):
		return fmt.Sprintf("a function of style %s answers on %s without a shim of ferry's, which is what forwards requests", fn.Style, e.Manifest.Target.Name)
	}
	return ""
}

// stays is what is not moved: it is listed when a migration starts.
func (m *Move) stays() []Stay {
	stays := []Stay{
		{"data", "databases, buckets and what is in them stay where they are: both sides use them at once while requests are shared"},
		{"addresses", "functions on " + m.to() + " have addresses of their own; those on " + m.from() + " forward until the service is removed there. Domains stay where they point"},
	}
	var names, secrets []string
	for _, fn := range m.From.Manifest.Functions {
		for _, e := range fn.Events {
			switch {
			case e.Queue != nil:
				names = append(names, "queue "+e.Queue.Name)
			case e.Topic != nil:
				names = append(names, "topic "+e.Topic.Name)
			case e.Object != nil:
				names = append(names, "bucket "+e.Object.Bucket)
			case e.Schedule != nil:
				names = append(names, "schedule "+e.Schedule.Cron)
			}
		}
		for _, secret := range fn.Secrets {
			secrets = append(secrets, secret)
		}
	}
	if len(names) > 0 {
		stays = append(stays, Stay{"events", listed(names) + ": those of " + m.to() + " begin at commit, then those of " + m.from() +
			" end; messages that wait on " + m.from() + " stay there, and one event can reach both sides"})
	}
	if keys := m.private(); len(keys) > 0 {
		for i := range keys {
			keys[i] = keySecret(keys[i])
		}
		stays = append(stays, Stay{"keys", "of private functions on " + m.to() + " are kept on " + m.from() + " as the secrets " + listed(keys) +
			", with which its functions forward; they stay there after commit"})
	}
	if len(secrets) > 0 {
		stays = append(stays, Stay{"secrets", listed(secrets) + ": set their values on " + m.to() + " with `ferry secrets set`"})
	}
	return stays
}

// changing is what one change of the share costs on the old side.
func (m *Move) changing() string {
	for _, fn := range m.From.Manifest.Functions {
		if !callable(fn) {
			continue
		}
		if m.From.Adapter.Platform(fn).Source {
			return "each change of the share has " + m.from() + " build its functions anew, which takes minutes"
		}
	}
	if _, stepwise := providers.As[providers.Stepwise](m.From.Adapter); stepwise {
		return "each change of the share restarts the functions on " + m.from() + ": requests under way there at that moment may fail"
	}
	return "each change of the share takes a few seconds on " + m.from()
}

// listed are names, each once.
func listed(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// settled refuses to begin where something else is under way, or was changed by hand.
func settled(s *release.Status, target string) error {
	if s.Release == 0 {
		return &providers.Error{
			Kind: providers.NotFound, Op: "migrate", Hint: fmt.Sprintf("run `ferry deploy -t %s` first", target), Err: fmt.Errorf("nothing is live on %s", target),
		}
	}
	if err := finished(s, target); err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		if drift := s.Functions[name].Drift; drift != "" {
			errs = append(errs, conflict(fmt.Errorf("%s was changed on %s by hand: %s", name, target, drift), look(target)))
		}
	}
	return errors.Join(errs...)
}

// apart refuses targets that are one place under two names, as those of the local platform are within a home: what serves on the old
// side would be replaced, and not moved.
func (m *Move) apart(ctx context.Context, from *release.Status) error {
	for _, name := range slices.Sorted(maps.Keys(from.Functions)) {
		url := from.Functions[name].URL
		if url == "" || m.From.Manifest.Target.Provider != m.To.Manifest.Target.Provider {
			continue
		}
		there, err := m.To.Adapter.Status(ctx, name)
		if err != nil {
			return err
		}
		if there.URL == url {
			return release.Blocked{{
				Function: name, Severity: providers.Blocker,
				Message: fmt.Sprintf("%s and %s are the same place: %s is the address of %s on both", m.from(), m.to(), url, name),
				Hint:    "name two targets whose settings lead to different places",
			}}
		}
	}
	return nil
}

// finished refuses to begin beside a release that is not finished.
func finished(s *release.Status, target string) error {
	if s.Unfinished == 0 && s.Canary == 0 {
		return nil
	}
	return conflict(fmt.Errorf("a release on %s is not finished", target), look(target))
}

func look(target string) string { return fmt.Sprintf("run `ferry status -t %s`", target) }

// unchanged refuses sources and a manifest that are not those of the old side's release.
func (m *Move) unchanged(ctx context.Context, number int) error {
	changes, err := m.From.As(release.Part{}).Differences(ctx, number)
	if err != nil || len(changes) == 0 {
		return err
	}
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Function
	}
	return conflict(fmt.Errorf("what is here is not what release %d on %s was made from: %s would change", number, m.from(), listed(names)),
		fmt.Sprintf("check out that release's sources, or deploy these first: `ferry deploy -t %s`", m.from()))
}

// committable fails at what a commit would fail at half way, such as code that does not build.
func (m *Move) committable(ctx context.Context, now *release.Migration) error {
	if slices.ContainsFunc(m.From.Manifest.Functions, callable) {
		if err := m.unchanged(ctx, now.Base); err != nil {
			return err
		}
	}
	_, err := m.To.As(release.Part{ID: now.ID}).Plan(ctx, nil)
	return err
}

// Step is the command that finishes a state.
func Step(state string) string {
	return map[string]string{Starting: "start", Committing: "commit", Aborting: "abort"}[state]
}

func conflict(err error, hint string) error {
	return &providers.Error{Kind: providers.Conflict, Op: "migrate", Hint: hint, Err: err}
}
