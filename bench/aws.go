package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// fleet is a case about a number of functions on Lambda: moto stands in for AWS, and every call takes 40 ms more than
// it needs there. Its lines are the commands, and their peer is the floor: the time that the rate limit leaves no way
// around, and the calls that must follow one another.
type fleet struct {
	name              string
	functions, rounds int
	log               io.Writer // how often each call was made
}

func lambdas(log io.Writer) []fleet {
	return []fleet{
		{"Lambda, 1 function", 1, 5, log},
		{"Lambda, 10 functions", 10, 3, log},
		{"Lambda, 100 functions", 100, 1, log},
	}
}

// latency is what a call takes longer than moto needs for it.
const latency = 40 * time.Millisecond

// The rates of ferry's limiter. AWS refuses what goes far beyond: 15 calls in a second, and 100 of GetFunction.
const (
	sharedRate, sharedBurst = 12, 3
	readRate, readBurst     = 80, 10
)

// A chain names the calls that must follow one another when one function is deployed: each needs an answer of the one
// before, or promises of ferry's order them (the lock before any write, the record before a version, the snapshot
// before the alias moves, the read-back before the commit). Calls that could be made beside these are left out, also
// where ferry makes them one after another.
var (
	look   = []string{"GetCallerIdentity", "read lock", "read head", "read record"} // GetFunction live beside these
	begin  = []string{"take lock", "write record"}
	probe  = []string{"GetFunction version", "Invoke"}
	finish = []string{"GetFunction live", "write head", "free lock"}
)

// step is one command of a round, after a change of the sources.
type step struct {
	name   string
	args   []string
	edit   func(s *sources)
	writes int // of Lambda, that each function needs; each needs at least one GetFunction
	chain  []string
}

// steps are what is done once, and what is repeated.
func steps() (once, round []step) {
	code := step{"code of all changed", []string{"deploy"}, (*sources).changeCode, 2, slices.Concat(
		look, []string{"take lock", "write package", "write record", "GetFunction $LATEST", "UpdateFunctionCode"}, probe,
		[]string{"GetFunction live", "write record", "UpdateAlias"}, finish,
	)}
	newest := code
	newest.name += " for the first time"
	once = []step{
		{"first deploy", []string{"deploy"}, (*sources).stay, 6, slices.Concat(
			[]string{"GetCallerIdentity", "read lock", "GetFunction live", "GetFunction $LATEST"},
			[]string{"take lock", "CreateBucket", "PutPublicAccessBlock", "PutBucketTagging", "take lock", "write package", "write record"},
			[]string{"GetFunction $LATEST", "CreateRole", "PutRolePolicy", "CreateFunction"}, probe,
			[]string{"GetFunction live", "GetFunction $LATEST", "write record", "CreateAlias", "CreateFunctionUrlConfig", "TagResource"}, finish,
		)},
		newest,
	}
	return once, []step{
		{"env of all changed", []string{"deploy"}, (*sources).changeEnv, 3, slices.Concat(
			look, begin, []string{"GetFunction $LATEST", "UpdateFunctionConfiguration", "GetFunction $LATEST", "PublishVersion"}, probe,
			[]string{"GetFunction live", "write record", "UpdateAlias"}, finish,
		)},
		code,
		{"no change", []string{"deploy"}, (*sources).stay, 0, look},
		{"rollback", []string{"rollback", "--yes"}, (*sources).changeBack, 1, slices.Concat(
			look, []string{"read record"}, begin, []string{"GetFunction version", "Invoke", "GetFunction live", "write record", "UpdateAlias"}, finish,
		)},
	}
}

// sources are a service of small functions. Their code and their env have a number, and no two ever the same.
type sources struct {
	target                               string // of the manifest
	program                              bool   // they are programs, for a stand-in that does not load handlers
	functions, code, before, env, newest int
}

func (s *sources) changeCode() { s.newest++; s.before, s.code = s.code, s.newest }

func (s *sources) changeEnv() { s.newest++; s.env = s.newest }

// changeBack undoes the last changeCode.
func (s *sources) changeBack() { s.code = s.before }

func (*sources) stay() {}

func (s sources) write(w *workshop) error {
	files := map[string]string{}
	var m strings.Builder
	runs, handler := "runtime: python3.13, style: wsgi", "app:app"
	if s.program {
		runs, handler = "runtime: custom, style: server, memory: 512MB", "app.py"
	}
	fmt.Fprintf(&m, "service: many\ntargets: {%s}\n"+
		"defaults: {%s, events: [{http: {}}], env: {NUMBER: \"%d\"}}\nfunctions:\n", s.target, runs, s.env)
	for i := range s.functions {
		name := fmt.Sprintf("f%03d", i)
		fmt.Fprintf(&m, "  %s: {source: ./%s, handler: \"%s\"}\n", name, name, handler)
		files[name+"/app.py"] = fmt.Sprintf("#!/usr/bin/env python3\ndef app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%d %d']\n", i, s.code)
	}
	files["ferry.yaml"] = m.String()
	return w.write(files)
}

// measured is what a command took.
type measured struct {
	time, moto time.Duration
	calls      calls
}

// measure takes the time of the commands, and of a peer's work on the same functions.
func (l fleet) measure(w *workshop) (string, error) {
	if err := w.fresh(); err != nil {
		return "", err
	}
	m, err := startMoto()
	if err != nil {
		return "", err
	}
	defer m.stop()
	p, err := newProxy(m.url)
	if err != nil {
		return "", err
	}
	defer p.close()
	once, round := steps()
	t := &trial{fleet: l, workshop: w, proxy: p, sources: &sources{functions: l.functions, target: "aws: {provider: aws, region: eu-west-1}"}, times: map[string][]measured{}}
	if err := t.run(once...); err != nil {
		return "", err
	}
	for range l.rounds {
		if err := t.run(round...); err != nil {
			return "", err
		}
	}
	for range l.rounds {
		if err := t.take("", func() error { return republish(p.url, l.functions) }); err != nil {
			return "", err
		}
	}
	var rows []string
	for _, s := range slices.Concat(once, round) {
		rows = append(rows, l.row(s, t.times[s.name]))
	}
	return strings.Join(append(rows, l.peerRow(t.times[""])), "\n"), nil
}

// trial is the measuring of one fleet.
type trial struct {
	fleet
	*workshop
	proxy   *proxy
	sources *sources
	times   map[string][]measured // by step, the peer's under no name
}

// run runs ferry for each step.
func (t *trial) run(steps ...step) error {
	for _, s := range steps {
		s.edit(t.sources)
		if err := t.sources.write(t.workshop); err != nil {
			return err
		}
		if err := t.take(s.name, func() error { return t.runFerry("aws", onMoto(t.proxy.url), s.args...) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) take(name string, work func() error) error {
	t.proxy.reset()
	began := time.Now()
	err := work()
	took := time.Since(began)
	counted, busy := t.proxy.counted()
	t.times[name] = append(t.times[name], measured{took, busy, counted})
	fmt.Fprintf(t.log, "%s, %s: %s: %s\n", t.name, cmp.Or(name, "the peer"), short(took), counted)
	return err
}

// row is a line of the table.
func (l fleet) row(s step, all []measured) string {
	m := middle(all)
	shared, reads, writes, others := m.calls.sum()
	limit := max(wait(l.functions*s.writes, sharedBurst, sharedRate), wait(l.functions, readBurst, readRate))
	call := latency + m.moto/time.Duration(max(m.calls.total(), 1))
	floor := limit + time.Duration(len(s.chain))*call
	return fmt.Sprintf("| Lambda, %d: %s | %s | %s | %.2f | %s of rate limit, %d calls in a row of %s. Lambda: %d GetFunction, %d others, of which %d write; other services: %d; moto at work: %s |",
		l.functions, s.name, short(m.time), short(floor), float64(m.time)/float64(floor), short(limit), len(s.chain), call.Round(time.Millisecond), reads, shared, writes, others, short(m.moto))
}

func (l fleet) peerRow(all []measured) string {
	m := middle(all)
	shared, reads, writes, _ := m.calls.sum()
	return fmt.Sprintf("| Lambda, %d: what republishes always, one after another | | %s | | %d GetFunction, %d others, of which %d write; moto at work: %s |",
		l.functions, short(m.time), reads, shared, writes, short(m.moto))
}

func middle(all []measured) measured {
	sorted := slices.SortedFunc(slices.Values(all), func(x, y measured) int { return int(x.time - y.time) })
	return sorted[len(sorted)/2]
}

// wait is how long a limiter makes the last of so many calls wait.
func wait(calls, burst, rate int) time.Duration {
	return time.Duration(max(calls-burst, 0)) * time.Second / time.Duration(rate)
}

// onMoto has ferry find moto at an endpoint, with keys that are none.
func onMoto(endpoint string) []string {
	return []string{"FERRY_AWS_ENDPOINT=" + endpoint, "AWS_ACCESS_KEY_ID=AKIAMOTO", "AWS_SECRET_ACCESS_KEY=moto", "AWS_SESSION_TOKEN=", "AWS_EC2_METADATA_DISABLED=true"}
}

// republish does what deploy tools of one function do that remember and compare nothing, lambroll among them: each
// deploy writes configuration and code, makes a version and moves the alias.
func republish(endpoint string, functions int) error {
	client := lambda.New(lambda.Options{
		Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIAMOTO", "moto", ""),
	})
	ctx := context.Background()
	for i := range functions {
		name := aws.String(fmt.Sprintf("many-dev-f%03d", i))
		at, err := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: name})
		if err != nil {
			return err
		}
		_, err = client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Role: at.Configuration.Role})
		if err != nil {
			return err
		}
		if _, err := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: name}); err != nil { // until it is settled
			return err
		}
		out, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: name, Publish: true, ZipFile: []byte("zip")})
		if err != nil {
			return err
		}
		if _, err := client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: out.Version}); err != nil {
			return err
		}
	}
	return nil
}
