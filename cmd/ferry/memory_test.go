package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestMemoryIsCollectedAsUsualOnceTheHeapIsLargeOrTimeHasPassed(t *testing.T) {
	for name, c := range map[string]struct {
		heap    int64
		most    time.Duration
		garbage int
	}{
		"large": {128 << 20, time.Hour, 1 << 20},
		"long":  {math.MaxInt64, time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			usual, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
			defer func() {
				debug.SetGCPercent(usual)
				debug.SetMemoryLimit(limit)
			}()
			collectLate(c.heap, c.most)
			if gcPercent() == 100 {
				t.Fatal("collection was not put off")
			}
			var sink []byte
			for deadline := time.Now().Add(10 * time.Second); gcPercent() != 100; {
				if time.Now().After(deadline) {
					t.Fatal("collection did not come back")
				}
				sink = make([]byte, c.garbage)
			}
			if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
				t.Errorf("the limit of memory stayed at %d with %d bytes", got, len(sink))
			}
		})
	}
}

func gcPercent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
