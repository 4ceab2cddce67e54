package waits

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestWhatIsWaitedForIsOnTheBoardUntilItIsDone(t *testing.T) {
	b := &Board{}
	ctx := b.Context(t.Context())
	first, second := For(ctx, "example.com"), For(ctx, "example.com")
	other := For(ctx, "a lock")
	refused := errors.New("refused")
	first.Try()
	second.Try()
	second.Failed(refused)
	second.Try()
	got := b.Before(time.Now())
	if len(got) != 2 || got[0].For != "a lock" || got[1].For != "example.com" {
		t.Fatalf("the board has %+v", got)
	}
	if e := got[1]; e.Tries != 2 || !errors.Is(e.Err, refused) || !e.Since.Equal(first.began) {
		t.Errorf("it says %+v", e)
	}
	if early := b.Before(time.Now().Add(-time.Hour)); len(early) != 0 {
		t.Errorf("what began just now is said to last: %+v", early)
	}
	first.Done()
	second.Done()
	other.Done()
	if left := b.Before(time.Now()); len(left) != 0 {
		t.Errorf("the board still has %+v", left)
	}
}

func TestWorkThatNobodyLooksAtMayWaitToo(t *testing.T) {
	w := For(context.Background(), "example.com")
	w.Try()
	w.Failed(errors.New("refused"))
	w.Done()
}
