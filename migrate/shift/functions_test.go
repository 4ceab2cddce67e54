package shift

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers/memory"
	"github.com/ferryfn/ferry/release"
)

func TestTheNewSideHasHalfOfTheTimeUntilNothingElseCanAnswer(t *testing.T) {
	fn := manifest.Function{Name: "api", Timeout: manifest.Duration(10 * time.Second), Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
	side := &release.Engine{Manifest: &manifest.Manifest{Functions: []manifest.Function{fn}}, Adapter: memory.New(memory.NewWorld())}
	m := &Move{From: side, To: side}
	for _, c := range []struct {
		told told
		wait int64
	}{{told{Percent: 10}, 5000}, {told{Percent: 100, Final: true}, 0}} {
		var got told
		made := m.forwarding([]manifest.Function{fn}, &release.Migration{URLs: map[string]string{"api": "https://a.example"}}, c.told)
		if err := json.Unmarshal([]byte(made[0].Env[manifest.MigrationVariable]), &got); err != nil || got.Wait != c.wait || got.URL != "https://a.example" {
			t.Errorf("%+v is told as %+v, %v", c.told, got, err)
		}
	}
}
