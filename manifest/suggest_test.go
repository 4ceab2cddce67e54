package manifest

import "testing"

func TestAnUnknownKeyIsToldWhatWasMeant(t *testing.T) {
	for block, want := range map[string]string{
		"{memroy: 128MB}":            `did you mean "memory"?`,
		"{memorySize: 128}":          `did you mean "memory"?`,
		"{scale: {max: 10}}":         `did you mean "scaling"?`,
		"{environment: {A: b}}":      `did you mean "env"?`,
		"{concurrency: 1}":           "write it in the block scaling",
		"{path: /healthz}":           "write it in the block health",
		"{scaling: {concurency: 1}}": `did you mean "concurrency"?`,
		"{scaling: {least: 1}}":      "use one of concurrency, max, min",
	} {
		if ps := problems(t, folder(t, of(block))); len(ps) != 1 || ps[0].Hint != want {
			t.Errorf("%s: %v, want the hint %q", block, ps, want)
		}
	}
}
