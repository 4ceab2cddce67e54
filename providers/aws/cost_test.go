package aws

import (
	"testing"
	"time"

	"github.com/ferryfn/ferry/providers"
)

func TestWhatLambdaReportsOfARequestIsMeasured(t *testing.T) {
	for text, want := range map[string]providers.Measurement{
		"REPORT RequestId: 1aa6c4d8 Duration: 17.10 ms	Billed Duration: 18 ms	Memory Size: 128 MB	Max Memory Used: 44 MB	":                         {Duration: 17100 * time.Microsecond},
		"REPORT RequestId: 1aa6c4d8 Duration: 1.50 ms	Billed Duration: 626 ms	Memory Size: 128 MB	Max Memory Used: 44 MB	Init Duration: 623.5 ms	": {Duration: 1500 * time.Microsecond, Init: 623500 * time.Microsecond},
		"Duration: 5 ms": {},
	} {
		if got, told := (&Adapter{}).Measured(providers.LogLine{Text: text}); got != want || told != (want.Duration > 0) {
			t.Errorf("%q tells %+v %t, want %+v", text, got, told, want)
		}
	}
}
