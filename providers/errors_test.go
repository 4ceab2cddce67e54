package providers_test

import (
	"testing"

	"github.com/ferryfn/ferry/providers"
)

func TestAStatusOfWhichNothingMoreIsKnownHasAKind(t *testing.T) {
	for status, want := range map[int]providers.Kind{
		0: providers.Failed, 200: providers.Failed, 301: providers.Invalid, 400: providers.Invalid, 401: providers.Unauthenticated,
		403: providers.Denied, 404: providers.NotFound, 408: providers.Unavailable, 409: providers.Conflict, 410: providers.NotFound,
		412: providers.Conflict, 413: providers.Limit, 422: providers.Invalid, 429: providers.Throttled, 500: providers.Unavailable,
		501: providers.Unsupported, 503: providers.Unavailable, 504: providers.Unavailable,
	} {
		if got := providers.KindOfStatus(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}
