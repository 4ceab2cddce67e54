package node

import "testing"

func TestAMapKeepsTheSegmentsOfOnesOwnCodeAndWhereEachEnds(t *testing.T) {
	for name, c := range map[string]struct{ mappings, want string }{
		"own code":                    {"AAAA,CAAC;AACD", `{"version":3,"sources":["app.ts"],"mappings":"AAAA,CAAC;AACD","names":[]}`},
		"a package behind own code":   {"AAAA,KCAA,KACA;AACA", `{"version":3,"sources":["app.ts"],"mappings":"AAAA,K;","names":[]}`},
		"a package before own code":   {"ACAA,KACA;ADAA", `{"version":3,"sources":["app.ts"],"mappings":";AACA","names":[]}`},
		"a name of own code":          {"ACAAA;ADAAC", `{"version":3,"sources":["app.ts"],"mappings":";AAAAA","names":["b"]}`},
		"nothing":                     {";;", `{"version":3,"sources":[],"mappings":";;","names":[]}`},
		"no digit":                    {"AA!A", ""},
		"a number that has no end":    {"AAAg", ""},
		"a sixth value":               {"AAAAAA", ""},
		"a source that is not there":  {"AEAA", ""},
		"a source before the first":   {"ADAA", ""},
		"a name that is not there":    {"AAAAE", ""},
		"a number that is too long":   {"gggggggggggA", ""},
		"a segment without its comma": {"AAAA AAAA", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := thinned([]byte(`{"version": 3, "sources": ["app.ts", "node_modules/p/i.js"], "mappings": "` + c.mappings + `", "names": ["a", "b"]}`))
			if string(got) != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
		})
	}
}
