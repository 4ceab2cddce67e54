package standin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ferryfn/ferry/internal/standin"
)

type words struct{}

func (words) Failure(status int, code, message string) standin.Reply {
	return standin.Reply{Status: status, Body: []byte(code + " " + message)}
}
func (words) Throttled() standin.Reply { return standin.Reply{Status: http.StatusTooManyRequests} }
func (words) Broken() standin.Reply    { return standin.Reply{Status: http.StatusInternalServerError} }
func (words) Denied() standin.Reply    { return standin.Reply{Status: http.StatusForbidden} }

func TestTheFirstLimitThatIsAboutACallCounts(t *testing.T) {
	var k standin.Control
	k.Limits(
		standin.Limit{Of: func(c standin.Call) bool { return !c.Write }, PerSecond: 1000},
		standin.Limit{Of: func(standin.Call) bool { return true }, PerSecond: 0.001, Burst: 2},
	)
	ask := func(write bool) int {
		w := httptest.NewRecorder()
		k.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), standin.Call{Operation: "Do", Write: write}, words{},
			func() standin.Reply { return standin.Reply{Status: http.StatusOK} })
		return w.Code
	}
	for n, want := range []int{200, 200, 429, 429} {
		if got := ask(true); got != want {
			t.Errorf("write %d: %d", n, got)
		}
		if got := ask(false); got != 200 {
			t.Errorf("read %d: %d", n, got)
		}
	}
	if n := k.Refusals(); n != 2 {
		t.Errorf("%d refusals", n)
	}
	k.Limits()
	if got := ask(true); got != 200 {
		t.Errorf("without limits: %d", got)
	}
	if calls := k.Calls(); len(calls) != 9 || calls[4].Status != 429 || calls[8].Number != 9 {
		t.Errorf("%+v", calls)
	}
}

func TestItIsQuietWhenTheCallsUnderWayAreDone(t *testing.T) {
	var k standin.Control
	<-k.Quiet()
	begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		k.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), standin.Call{Operation: "Do"}, words{}, func() standin.Reply {
			close(begun)
			<-goOn
			return standin.Reply{Status: http.StatusOK}
		})
	}()
	<-begun
	quiet := k.Quiet()
	select {
	case <-quiet:
		t.Error("it is quiet while a call is under way")
	default:
	}
	close(goOn)
	<-quiet
	<-done
}
