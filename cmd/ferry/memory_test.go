package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestMemoryIsCollectedAsUsualOnceTheHeapIsLarge(t *testing.T) {
	usual, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() {
		debug.SetGCPercent(usual)
		debug.SetMemoryLimit(limit)
	}()
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	collectLate(128 << 20)
	if percent() == 100 {
		t.Fatal("collection was not put off")
	}
	var sink []byte
	for deadline := time.Now().Add(10 * time.Second); percent() != 100; {
		if time.Now().After(deadline) {
			t.Fatal("collection did not come back")
		}
		sink = make([]byte, 1<<20)
	}
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("the limit of memory stayed at %d of %d bytes", got, len(sink))
	}
}
