package aws

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
)

func TestAnyScalingCanFollowAnyOtherAndBeRolledBackWhileAWSIsSlow(t *testing.T) {
	t.Parallel()
	settings := []manifest.Scaling{{}, {Max: 2}, {Min: 1, Max: 2}, {Min: 4, Max: 6}, {Min: 5}, {Min: 2, Max: 2}}
	cache, cases := t.TempDir(), sample.Of(t, 3)
	for _, before := range settings {
		for _, after := range settings {
			if before == after || !cases.Takes() {
				continue
			}
			t.Run(fmt.Sprintf("%d-%d to %d-%d", before.Min, before.Max, after.Min, after.Max), func(t *testing.T) {
				t.Parallel()
				s := newTenant(t).imitated()
				s.cache = cache
				s.PendingPolls(2)
				s.UpdatingPolls(2)
				is := func(want manifest.Scaling) {
					t.Helper()
					if got := (manifest.Scaling{Min: s.warm("api"), Max: s.reserved("api")}); got != want {
						t.Errorf("it is %+v, not %+v", got, want)
					}
				}
				s.declare("api", "one")
				s.function("api").Scaling = before
				s.deploy()
				is(before)
				s.function("api").Scaling = after
				s.deploy()
				is(after)
				s.rollback(0)
				is(before)
			})
		}
	}
}

// ladder is a setting's values: without it, and from low to high.
type ladder struct{ none, low, high string }

// ladders are the settings of a function that can be added and taken away, raised and lowered.
func ladders() map[string]ladder {
	return map[string]ladder{
		"memory":                      {`"128MB"`, `"256MB"`, `"512MB"`},
		"timeout":                     {`"3s"`, `"10s"`, `"60s"`},
		"env":                         {`null`, `{"WORD": "a"}`, `{"WORD": "b", "MORE": "c"}`},
		"secrets":                     {`null`, `{"KEY": "shop/one"}`, `{"KEY": "shop/one", "OTHER": "shop/two"}`},
		"scaling.min":                 {`0`, `1`, `4`},
		"scaling.max":                 {`0`, `1`, `6`},
		"events[2].queue.batch":       {`1`, `5`, `50`},
		"config.ephemeral_storage":    {`null`, `"1GB"`, `"2GB"`},
		"config.log_retention":        {`null`, `7`, `90`},
		"config.tags":                 {`null`, `{"team": "a"}`, `{"team": "b", "cost": "1"}`},
		"config.policies":             {`null`, `["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]`, `["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", "arn:aws:iam::aws:policy/AmazonSQSFullAccess"]`},
		"config.permissions_boundary": {`null`, `"arn:aws:iam::aws:policy/AdministratorAccess"`, `"arn:aws:iam::aws:policy/AdministratorAccess"`},
		"config.scheduler_role":       {`null`, `"arn:aws:iam::123456789012:role/calling"`, `"arn:aws:iam::123456789012:role/calling"`},
		"config.layers":               {`null`, `["arn:aws:lambda:eu-west-1:580247275435:layer:Insights:1"]`, `["arn:aws:lambda:eu-west-1:580247275435:layer:Insights:2"]`},
		"config.tracing":              {`null`, `null`, `"active"`},
		"config.dead_letter":          {`null`, `"arn:aws:sqs:eu-west-1:123456789012:dead"`, `"arn:aws:sns:eu-west-1:123456789012:failed"`},
		"config.vpc":                  {`null`, `{"subnets": ["subnet-1"], "security_groups": ["sg-1"]}`, `{"subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}`},
		"config.response_stream":      {`false`, `false`, `true`},
		"events[0].http.cors":         {`null`, `{"origins": ["https://a.example"]}`, `{"origins": ["https://a.example", "https://b.example"]}`},
		"events[4].object.prefix":     {`null`, `"raw/"`, `"cooked/"`},
		"events[1].schedule.cron":     {`"0 3 * * *"`, `"0 4 * * *"`, `"0 5 * * *"`},
		"events[0].http.auth":         {`"private"`, `"private"`, `"public"`},
	}
}

// Every setting is added, raised, lowered and taken away; each change is rolled back, and ends as a function that was made
// so from the beginning.
func TestEverySettingIsAddedRaisedLoweredTakenAwayAndRolledBackWhileAWSIsSlow(t *testing.T) {
	t.Parallel()
	needs(t)
	all := ladders()
	cases := sample.Of(t, 4)
	for _, leaf := range slices.Sorted(maps.Keys(all)) {
		l := all[leaf]
		steps := map[string][2]string{"added": {l.none, l.low}, "raised": {l.low, l.high}, "lowered": {l.high, l.low}, "taken away": {l.high, l.none}}
		for _, step := range slices.Sorted(maps.Keys(steps)) {
			change := steps[step]
			if change[0] == change[1] || !cases.Takes() {
				continue
			}
			t.Run(leaf+" "+step, func(t *testing.T) {
				t.Parallel()
				before, after := map[string]string{leaf: change[0]}, map[string]string{leaf: change[1]}
				if leaf == "scaling.max" { // so that it may be below what everyLeaf keeps warm
					before["scaling.min"], after["scaling.min"] = `1`, `1`
				}
				slowly(t, leaf, with(t, before), with(t, after))
			})
		}
	}
}
