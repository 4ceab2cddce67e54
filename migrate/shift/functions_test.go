package shift

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

func TestTheNewSideHasHalfOfTheTimeUntilNothingElseCanAnswer(t *testing.T) {
	fn := manifest.Function{Name: "api", Timeout: manifest.Duration(10 * time.Second), Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
	side := &release.Engine{Manifest: &manifest.Manifest{Functions: []manifest.Function{fn}}, Adapter: memory.New(memory.NewWorld())}
	m := &Move{From: side, To: side}
	for _, c := range []struct {
		told told
		wait int64
	}{{told{Percent: 10}, 5000}, {told{Percent: 100, Final: true}, 0}} {
		var got told
		made := m.forwarding([]manifest.Function{fn}, &release.Migration{URLs: map[string]string{"api": "https://a.example"}}, c.told)
		if err := json.Unmarshal([]byte(made[0].Env[manifest.MigrationVariable]), &got); err != nil || got.Wait != c.wait || got.URL != "https://a.example" {
			t.Errorf("%+v is told as %+v, %v", c.told, got, err)
		}
	}
}

// released is a move of a service that is live on both sides, on the new one as the move's part.
func released(t *testing.T, part release.Part) *Move {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	side := func(target string) *release.Engine {
		world := memory.NewWorld()
		server := httptest.NewServer(world)
		t.Cleanup(server.Close)
		world.URL = server.URL
		return &release.Engine{
			Manifest: &manifest.Manifest{
				File: filepath.Join(dir, "ferry.yaml"), Dir: dir, Service: "shop", Stage: "dev", Target: manifest.Target{Name: target, Provider: "memory"},
				Releases: manifest.Releases{Keep: 20},
				Functions: []manifest.Function{{
					Name: "api", Source: ".", Handler: "run.sh", Runtime: "custom", Style: manifest.StyleServer, Timeout: manifest.Duration(30 * time.Second),
					Memory: 256 << 20, Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{Auth: "public"}}},
				}},
			},
			Adapter: memory.New(world), Packager: &packager.Packager{Root: dir, Cache: t.TempDir()}, Now: time.Now,
		}
	}
	m := &Move{From: side("old"), To: side("new")}
	for _, e := range []*release.Engine{m.From, m.To.As(part)} {
		if _, err := e.Deploy(t.Context(), release.DeployOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestAMoveThatTheNewSideHasEndedIsNotAborted(t *testing.T) {
	for _, c := range []struct {
		name  string
		state string // on the old side
		there bool   // the new side knows the move
		ends  bool   // abort does
	}{
		{"a commit was killed between its last two writes", Committing, false, false},
		{"a commit was killed before", Committing, true, true},
		{"an abort was killed between its last two writes", Aborting, false, true},
		{"a start was killed before the new side knew", Starting, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, part := t.Context(), release.Part{ID: "m1"}
			m := released(t, part)
			now := &release.Migration{ID: part.ID, From: "old", To: "new", State: c.state, Base: 1}
			if err := m.From.As(part).SetMigration(ctx, now); err != nil {
				t.Fatal(err)
			}
			if c.there {
				if err := m.To.As(part).SetMigration(ctx, &release.Migration{ID: part.ID, From: "old", To: "new"}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := m.Abort(ctx)
			left, lookErr := m.From.Migration(ctx)
			if lookErr != nil {
				t.Fatal(lookErr)
			}
			var refused *providers.Error
			switch {
			case c.ends && (err != nil || left != nil):
				t.Errorf("abort ends with %v and leaves %+v", err, left)
			case !c.ends && (!errors.As(err, &refused) || refused.Kind != providers.Conflict || left == nil || left.State != c.state):
				t.Errorf("abort ends with %v and leaves %+v: want a refusal that changes nothing", err, left)
			}
		})
	}
}
