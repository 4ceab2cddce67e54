package gcp

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
)

func TestTheLogOfAFunctionIsFollowedEachLineOnce(t *testing.T) {
	p := newProject(t)
	a := p.adapter(t)
	const service, revision = "shop-dev-api", "shop-dev-api-00001-abc"
	p.Log(service, revision, "stdout", "one")
	p.Log(service, revision, "stderr", `{"severity":"ERROR","message":"two","code":7}`)
	p.Log("shop-dev-page", revision, "stdout", "another's")
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var lines []providers.LogLine
	done := errors.New("seen enough")
	err := a.Tail(ctx, "api", providers.TailOptions{
		Lines: 10, Follow: true, Past: func() { p.Log(service, revision, "stdout", "three") },
	}, func(l providers.LogLine) error {
		if lines = append(lines, l); len(lines) == 3 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatalf("%v after %+v", err, lines)
	}
	if l := lines[0]; l.Text != "one" || l.Stream != "stdout" || l.Revision != revision || l.Instance == "" || l.Function != "api" || l.Time.IsZero() {
		t.Errorf("the first is %+v", l)
	}
	if l := lines[1]; l.Stream != "stderr" || l.Text != `{"code":7,"message":"two","severity":"ERROR"}` {
		t.Errorf("the second is %+v", l)
	}
	if lines[2].Text != "three" {
		t.Errorf("the third is %+v", lines[2])
	}
}

func TestOnlyTheLastLinesOfALogAreRead(t *testing.T) {
	p := newProject(t)
	for _, text := range []string{"one", "two", "three"} {
		p.Log("shop-dev-api", "r", "stdout", text)
	}
	var last []string
	if err := p.adapter(t).Tail(t.Context(), "api", providers.TailOptions{Lines: 2}, func(l providers.LogLine) error {
		last = append(last, l.Text)
		return nil
	}); err != nil || len(last) != 2 || last[0] != "two" || last[1] != "three" {
		t.Errorf("the last lines are %v: %v", last, err)
	}
}
