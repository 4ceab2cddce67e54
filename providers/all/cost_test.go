package all

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate/cost"
	"github.com/ferryfn/ferry/providers"
)

// costers are the targets with prices, by their providers.
func costers(t *testing.T) map[string]providers.Coster {
	t.Helper()
	blocks := map[string]string{
		"aws": `{"region": "us-east-1"}`, "gcp": `{"project": "my-project", "region": "us-central1"}`,
		"azure": `{"subscription": "00000000-0000-0000-0000-000000000001", "resource_group": "shop", "location": "eastus"}`,
	}
	all := map[string]providers.Coster{}
	for _, p := range Providers() {
		block, priced := blocks[p.Name]
		if !priced {
			continue
		}
		node := new(manifest.Node)
		if err := json.Unmarshal([]byte(block), node); err != nil {
			t.Fatal(err)
		}
		a, err := p.New(providers.Config{Service: "shop", Stage: "dev", Target: p.Name, Block: node, Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		all[p.Name] = a.(providers.Coster)
	}
	return all
}

func TestAMonthCostsWhatTheListOfPricesSays(t *testing.T) {
	all := costers(t)
	fn := func(mb, least, concurrency int, architecture string) manifest.Function {
		return manifest.Function{
			Name: "api", Runtime: "nodejs22", Memory: manifest.Size(mb) * manifest.MB, Architecture: architecture,
			Scaling: manifest.Scaling{Min: least, Concurrency: concurrency},
		}
	}
	quick := providers.Load{Requests: 10e6, Duration: 43 * time.Millisecond, AtOnce: 1}
	cold := providers.Load{Requests: 30e6, Duration: 120 * time.Millisecond, Cold: 0.01, Init: 800 * time.Millisecond, AtOnce: 1}
	warm := providers.Load{Requests: 1e6, Duration: 100 * time.Millisecond, Cold: 0.01, Init: time.Second, AtOnce: 1}
	crowd := quick
	crowd.AtOnce = 20
	for _, c := range []struct {
		what, target string
		functions    []manifest.Function
		load         providers.Load
		total        float64 // in dollars, computed by hand
	}{
		// 10,000,000 × 0.043 s × 0.5 GB = 215,000 GB-s, all free; 9 of 10 million requests at $0.20.
		{"short requests", "aws", []manifest.Function{fn(512, 0, 0, "")}, quick, 1.80},
		// 10,000,000 × 0.1 s = 1,000,000 s: 333,000 − 180,000 vCPU-s at $0.000024 = 3.672; 500,000 − 360,000 GiB-s at $0.0000025 = 0.35; 8 × $0.40 = 3.20.
		{"short requests", "gcp", []manifest.Function{fn(512, 0, 0, "")}, quick, 7.222},
		// 10,000,000 × 1 s × 0.5 GB = 5,000,000 − 100,000 GB-s at $0.000026 = 127.40; 9.75 × $0.40 = 3.90.
		{"short requests", "azure", []manifest.Function{fn(512, 0, 0, "")}, quick, 131.30},
		// 30,000,000 × 0.12 + 300,000 × 0.8 = 3,840,000 − 400,000 GB-s at $0.0000166667 = 57.333448; 29 × $0.20 = 5.80.
		{"starts", "aws", []manifest.Function{fn(1024, 0, 0, "")}, cold, 63.133448},
		// The same at $0.0000133334 = 45.866896.
		{"starts on arm64", "aws", []manifest.Function{fn(1024, 0, 0, "arm64")}, cold, 51.666896},
		// 30,000,000 × 0.2 + 300,000 × 0.8 = 6,240,000 s: × 0.583 = 3,637,920 − 180,000 at $0.000024 = 82.99008; 5,880,000 at $0.0000025 = 14.70; 28 × $0.40 = 11.20.
		{"starts", "gcp", []manifest.Function{fn(1024, 0, 0, "")}, cold, 108.89008},
		// 30,000,000 × 1 s × 2 GB − 100,000 = 59,900,000 at $0.000026 = 1557.40; 29.75 × $0.40 = 11.90. Starts are not billed.
		{"starts", "azure", []manifest.Function{fn(2048, 0, 0, "")}, cold, 1569.30},
		// 730 h × 3600 × 0.5 GB = 1,314,000 at $0.0000041667 = 5.4750438; 50,000 at $0.0000097222 = 0.48611; no request is charged.
		{"an instance kept warm", "aws", []manifest.Function{fn(512, 1, 0, "")}, warm, 5.9611538},
		// 2,628,000 − 100,000 s idle: × 0.333 at $0.0000025 = 2.10456, × 0.5 at $0.0000025 = 3.16; what is busy is free.
		{"an instance kept warm", "gcp", []manifest.Function{fn(512, 1, 0, "")}, warm, 5.26456},
		// 1,314,000 at $0.000004 = 5.256; 1,000,000 s × 0.5 at $0.000016 = 8; $0.40.
		{"an instance kept warm", "azure", []manifest.Function{fn(512, 1, 0, "")}, warm, 13.656},
		// One at a time all the same.
		{"requests at once", "aws", []manifest.Function{fn(512, 0, 80, "")}, crowd, 1.80},
		// 50,000 s on a whole vCPU, all free; 8 × $0.40.
		{"requests at once", "gcp", []manifest.Function{fn(512, 0, 80, "")}, crowd, 3.20},
		// 500,000 s × 0.5 = 250,000 − 100,000 at $0.000026 = 3.90; 9.75 × $0.40 = 3.90.
		{"requests at once", "azure", []manifest.Function{fn(512, 0, 80, "")}, crowd, 7.80},
		// 2 × 215,000 − 400,000 = 30,000 GB-s at $0.0000166667 = 0.500001; 19 × $0.20: what is free is free once.
		{"two functions", "aws", []manifest.Function{fn(512, 0, 0, ""), fn(512, 0, 0, "")}, quick, 4.300001},
	} {
		m := cost.Of(all[c.target], c.functions, c.load)
		if math.Abs(m.Total-c.total) > 1e-6 {
			t.Errorf("%s on %s: %.7f, want %.7f: %+v", c.what, c.target, m.Total, c.total, m.Lines)
		}
	}
}

func TestEveryFigureOfAPriceListHasItsSourceAndItsDay(t *testing.T) {
	for target, c := range costers(t) {
		for _, p := range c.Prices() {
			_, err := time.Parse(time.DateOnly, p.Looked)
			if err != nil || !strings.HasPrefix(p.Source, "https://") || p.Dollars <= 0 || p.Per <= 0 || p.What == "" {
				t.Errorf("%s: %+v %v", target, p, err)
			}
		}
	}
}

func TestWhyTargetsDifferIsSaidInWords(t *testing.T) {
	months := map[string]cost.Month{}
	fn := manifest.Function{Name: "api", Runtime: "nodejs22", Memory: 512 * manifest.MB}
	for target, c := range costers(t) {
		months[target] = cost.Of(c, []manifest.Function{fn}, providers.Load{Requests: 10e6, Duration: 43 * time.Millisecond, Cold: 0.01, Init: time.Second, AtOnce: 1})
	}
	said := strings.Join(cost.Differ(months), "\n")
	for _, want := range []string{
		"aws costs $1.80; it would be $", "azure costs $131.30, 72.9 times aws", "aws: a request of 43ms is billed as 43ms", "aws: the start of an instance is billed, too, as 1s",
		"gcp: a request of 43ms is billed as 100ms, of 0.333 vCPU", "azure: a request of 43ms is billed as 1s",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}
