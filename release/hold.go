package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/providers"
)

// holdsLen bounds the holds that live.json keeps. What was rolled away from so many rollbacks ago comes from no job
// that somebody still repeats.
const holdsLen = 50

// Hold keeps content that was rolled away from out of later deploys, until somebody asks for it. A person judged that
// content, and a job that runs again does not know.
type Hold struct {
	Release int       `json:"release"` // whose content it is
	Actor   string    `json:"actor"`   // who rolled it away
	At      time.Time `json:"at"`
	Message string    `json:"message"`
	// Functions are those that the rollback changed, with what they were before it.
	Functions map[string]Content `json:"functions"`
}

// Content identifies what a function is, without what differs each time a job runs. The zero value is an absent function.
type Content struct {
	Package string `json:"package"` // digest of its files
	// Config is the digest of its settings without pinned secrets and without what came from ${env:…} or ${git:sha}.
	Config string `json:"config"`
}

// HeldError refuses to deploy what was rolled away from.
type HeldError struct {
	Holds []Hold // those that stand against it, oldest first
}

func (e *HeldError) Error() string {
	lines := make([]string, len(e.Holds))
	for i, h := range e.Holds {
		lines[i] = h.refusal()
	}
	return strings.Join(lines, "\n")
}

func (e *HeldError) Unwrap() error { return providers.Held }

// refusal says what was taken back, by whom, and what would make it something else.
func (h Hold) refusal() string {
	about := fmt.Sprintf("release %d was rolled back by %s on %s", h.Release, h.Actor, h.At.UTC().Format("2006-01-02 15:04 MST"))
	if h.Message != "" {
		about += fmt.Sprintf(" (%q)", h.Message)
	}
	names := slices.Sorted(maps.Keys(h.Functions))
	for i, name := range names {
		if h.Functions[name] == (Content{}) {
			names[i] += " removed"
		}
	}
	return fmt.Sprintf("%s, and this deploy contains all of it again (%s): a change elsewhere does not fix it", about, strings.Join(names, ", "))
}

// in reports whether all that is held is in there.
func (h Hold) in(all map[string]Content) bool {
	for name, c := range h.Functions {
		if all[name] != c {
			return false
		}
	}
	return true
}

func contents(functions map[string]FunctionRecord) map[string]Content {
	all := make(map[string]Content, len(functions))
	for name, f := range functions {
		all[name] = f.content()
	}
	return all
}

func (f FunctionRecord) content() Content {
	varies := map[string]bool{}
	for _, path := range f.Function.Varying {
		varies[path] = true
	}
	for _, name := range f.Function.Masked { // all that older records know
		varies["env."+name] = true
	}
	tree := settings(f.Function)
	walk("", tree, func(path string, v any) any {
		if varies[path] {
			return nil
		}
		return v
	})
	data, err := json.Marshal(tree)
	if err != nil {
		panic(fmt.Sprintf("what came from JSON always has a JSON form: %v", err))
	}
	sum := sha256.Sum256(data)
	return Content{Package: f.Artifact.Digest, Config: "sha256:" + hex.EncodeToString(sum[:])}
}

// against are the holds that stand against making these functions what serves: all that they hold would be there
// again, and is not so now.
func (s *scene) against(functions map[string]FunctionRecord) []Hold {
	if len(s.head.Holds) == 0 {
		return []Hold{}
	}
	want, now := contents(functions), contents(s.liveFunctions())
	return slices.DeleteFunc(slices.Clone(s.head.Holds), func(h Hold) bool { return !h.in(want) || h.in(now) })
}

// refuse fails when content is held that was not asked for by the number of its release.
func refuse(holds []Hold, again []int) error {
	holds = slices.DeleteFunc(slices.Clone(holds), func(h Hold) bool { return slices.Contains(again, h.Release) })
	if len(holds) == 0 {
		return nil
	}
	return &HeldError{Holds: holds}
}

// holds are the holds once the record is what serves: what serves is held no more, and what a rollback left is.
func (a *attempt) holds() []Hold {
	held, r := a.scene.head.Holds, a.record
	if len(held) > 0 {
		now := contents(r.Functions)
		held = slices.DeleteFunc(slices.Clone(held), func(h Hold) bool { return h.in(now) })
	}
	if left := a.scene.live; r.Kind == KindRollback && left != nil {
		held = hold(held, Hold{Release: left.Source, Actor: r.Actor, At: r.Created, Message: r.Message}, left.Functions, r.Functions)
	}
	return held
}

// hold adds what was left and is not restored. The newer of two holds of the same stays.
func hold(held []Hold, h Hold, left, restored map[string]FunctionRecord) []Hold {
	h.Functions = contents(left)
	for name, c := range contents(restored) {
		switch had, was := h.Functions[name]; {
		case !was:
			h.Functions[name] = Content{}
		case had == c:
			delete(h.Functions, name)
		}
	}
	if len(h.Functions) == 0 {
		return held
	}
	held = slices.DeleteFunc(slices.Clone(held), func(old Hold) bool { return maps.Equal(old.Functions, h.Functions) })
	held = append(held, h)
	return held[max(0, len(held)-holdsLen):]
}

// setHolds writes down what is held. What serves stays what it is.
func (a *attempt) setHolds(ctx context.Context, held []Hold) error {
	next := a.scene.head
	next.Holds = held
	return a.setHead(ctx, next)
}

// Allow lets held content be deployed again, and returns what is held still.
func (e *Engine) Allow(ctx context.Context, number int) ([]Hold, error) {
	return inTurn(e, claim{}, func(e *Engine) ([]Hold, error) { return e.allow(ctx, number) })
}

func (e *Engine) allow(ctx context.Context, number int) ([]Hold, error) {
	l, s, err := e.visit(ctx)
	if err != nil {
		return nil, err
	}
	held := slices.DeleteFunc(slices.Clone(s.head.Holds), func(h Hold) bool { return h.Release == number })
	if len(held) == len(s.head.Holds) {
		return nil, notFound("allow", "", fmt.Errorf("release %d is not held", number), "run `ferry releases` to see what is held")
	}
	a, ctx, err := e.begin(ctx, l, s, claim{})
	if err != nil {
		return nil, err
	}
	if err := a.setHolds(ctx, held); err != nil {
		return nil, a.quit(ctx, err, a.lock.taken.Unfinished)
	}
	return held, a.close(ctx, a.lock.taken.Unfinished)
}
