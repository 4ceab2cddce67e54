package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/migrate"
	"github.com/ferryfn/ferry/packager"
)

// moving are the cases about a move from one place to another.
func moving() []bench {
	return []bench{
		{"import of a serverless.yml of 300 functions", "a bare parse of the same YAML", 30, import300},
		{"check of 100 functions", "packaging them, from an empty cache likewise", 5, check100},
	}
}

// forwarders are those about the requests of a move, by the time of the processor: a busy machine changes others.
func forwarders() []place {
	return []place{
		{"compare of 2,000 requests", (*workshop).compared},
		{"the forwarder of a migration, requests", (*workshop).forwarded},
		{"the start of a function whose share stays", (*workshop).forwarderStarts},
	}
}

// import300 reads in this process: a start of the program would hide the one in the other.
func import300(w *workshop) (ours, theirs func() error, err error) {
	var m strings.Builder
	m.WriteString("service: many\nprovider:\n  name: aws\n  runtime: nodejs22.x\n  memorySize: 256\n  environment:\n    STAGE: ${sls:stage}\nfunctions:\n")
	for i := range 300 {
		fmt.Fprintf(&m, "  fn%03d:\n    handler: src/app.f%03d\n    timeout: 10\n    memorySize: 512\n    environment:\n      TABLE: items-${sls:stage}\n      NUMBER: \"%d\"\n"+
			"    events:\n      - httpApi:\n          method: GET\n          path: /items%d/{id}\n      - schedule: rate(5 minutes)\n      - sqs:\n          arn: arn:aws:sqs:eu-west-1:123456789012:queue%d\n          batchSize: 5\n", i, i, i, i, i)
	}
	file := filepath.Join(w.dir, "serverless.yml")
	if err := w.write(map[string]string{"serverless.yml": m.String(), "src/app.js": "exports.handler = () => {};\n"}); err != nil {
		return nil, nil, err
	}
	ours = func() error {
		made, err := migrate.Import(file, "dev", "")
		if err == nil && made.Lost() {
			err = errors.New("something was lost")
		}
		return err
	}
	theirs = func() error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var doc yaml.Node
		return yaml.Unmarshal(text, &doc)
	}
	return ours, theirs, nil
}

// check100 gives both sides an empty cache each time.
func check100(w *workshop) (ours, theirs func() error, err error) {
	if err := oneTree(w, 100, smallFiles()); err != nil {
		return nil, nil, err
	}
	cold := func(work func() error) func() error {
		return func() error {
			return errors.Join(os.RemoveAll(w.home), work())
		}
	}
	return cold(w.command(w.dir, w.ferry, "check", "--targets", "local")), cold(w.command(w.dir, w.ferry, "package")), nil
}

// bareClient sends requests to two servers, four at once: client URL URL.
const bareClient = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

func main() {
	client, next := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}, make(chan int)
	var working sync.WaitGroup
	for range 4 {
		working.Add(1)
		go func() {
			defer working.Done()
			for i := range next {
				for _, url := range os.Args[1:] {
					res, err := client.Get(fmt.Sprintf("%sitems/%d", url, i))
					if err != nil {
						panic(err)
					}
					if _, err := io.ReadAll(res.Body); err != nil {
						panic(err)
					}
					res.Body.Close()
				}
			}
		}()
	}
	for i := range 2000 {
		next <- i
	}
	close(next)
	working.Wait()
}
`

// compared has two servers with the same answer.
func (w *workshop) compared() (string, error) {
	if err := errors.Join(needs("node"), w.fresh()); err != nil {
		return "", err
	}
	bareServer, err := platformFiles.ReadFile("platform/bare.cjs")
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, "{\"path\": \"/items/%d\"}\n", i)
	}
	client := filepath.Join(w.dir, "client")
	err = all(func() error {
		return w.write(map[string]string{"bare.cjs": string(bareServer), "requests.jsonl": lines.String(), "go.mod": "module client\n\ngo 1.24\n", "main.go": bareClient})
	}, w.command(w.dir, "go", "build", "-trimpath", "-o", client, "."))()
	if err != nil {
		return "", err
	}
	var urls []string
	for range 2 {
		url, err := w.serveHere(func(port string) []string { return []string{"node", "bare.cjs", port} })
		if err != nil {
			return "", err
		}
		urls = append(urls, url)
	}
	var mine, peer []float64
	for range 7 {
		ours, err := w.processor(exec.Command(w.ferry, "compare", "--from", urls[0], "--to", urls[1], "--requests", "requests.jsonl"))
		if err != nil {
			return "", err
		}
		theirs, err := w.processor(exec.Command(client, urls...))
		if err != nil {
			return "", err
		}
		mine, peer = append(mine, ours), append(peer, theirs)
	}
	return fmt.Sprintf("| compare of 2,000 requests | %.0f ms | %.0f ms | %.2f | a bare client in Go that sends the same to both, by the processor's time |", median(mine), median(peer), ratio(mine, peer)), nil
}

// processor is the processor's time of a program in the case's folder, in milliseconds.
func (w *workshop) processor(c *exec.Cmd) (float64, error) {
	c.Dir, c.Env = w.dir, append(append(os.Environ(), "FERRY_HOME="+w.home), c.Env...)
	if text, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", filepath.Base(c.Path), err, bytes.TrimSpace(text))
	}
	return float64(c.ProcessState.UserTime()+c.ProcessState.SystemTime()) / float64(time.Millisecond), nil
}

// bareProxy is a reverse proxy as Node's own modules make it: node proxy.cjs PORT TARGET.
const bareProxy = `const http = require("node:http");
const target = new URL(process.argv[3]);
const agent = new http.Agent({ keepAlive: true });
http.createServer((req, res) => {
  const out = http.request({ host: target.hostname, port: target.port, method: req.method, path: req.url, headers: req.headers, agent }, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  out.on("error", () => res.destroy());
  req.pipe(out);
}).listen(Number(process.argv[2]), "127.0.0.1");
`

// migrating packs a small function as the old side of a migration, and as it is without one, and unpacks both.
func (w *workshop) migrating() (with, without string, err error) {
	if err := needs("node"); err != nil {
		return "", "", err
	}
	if err := w.fresh(); err != nil {
		return "", "", err
	}
	bareServer, err := platformFiles.ReadFile("platform/bare.cjs")
	if err != nil {
		return "", "", err
	}
	loader, err := shimScripts.ReadFile("shims/load.mjs")
	if err != nil {
		return "", "", err
	}
	err = w.write(map[string]string{
		"fn/small.mjs": "export default { fetch: () => new Response('small') };\n", "bare.cjs": string(bareServer), "proxy.cjs": bareProxy, "load.mjs": string(loader),
	})
	if err != nil {
		return "", "", err
	}
	builder := &packager.Packager{Root: w.dir, Cache: filepath.Join(w.home, "cache")}
	fn := manifest.Function{Name: "api", Source: "fn", Handler: "small.mjs", Runtime: "nodejs22", Style: manifest.StyleFetch, Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
	pl := packager.Platform{Shim: "local", OS: runtime.GOOS, Arch: runtime.GOARCH, Runtime: fn.Runtime}
	pack := func(name string) (string, error) {
		a, err := builder.Build(context.Background(), fn, pl)
		if err != nil {
			return "", err
		}
		to := filepath.Join(w.dir, name)
		return filepath.Join(to, a.Entry), unzip(a.Path, to)
	}
	if without, err = pack("without"); err != nil {
		return "", "", err
	}
	fn.Env = map[string]string{manifest.MigrationVariable: "set"}
	with, err = pack("with")
	return with, without, err
}

// told is what the old side of a migration is told: where the new side is, and its share.
func told(url string, percent int) string {
	text, err := json.Marshal(map[string]any{"from": "here", "to": "there", "url": url, "percent": percent, "wait": 15000, "secret": "of the bench"})
	if err != nil {
		panic(err) // it holds texts and a number
	}
	return manifest.MigrationVariable + "=" + string(text)
}

// forwarded loads a function that forwards every request, in turn with a bare reverse proxy, before the same server.
func (w *workshop) forwarded() (string, error) {
	with, _, err := w.migrating()
	if err != nil {
		return "", err
	}
	target, err := w.serveHere(func(port string) []string { return []string{"node", "bare.cjs", port} })
	if err != nil {
		return "", err
	}
	var servers []*server
	for _, one := range []struct {
		name    string
		command func(port string) []string
	}{
		{"the forwarder", func(port string) []string { return []string{"env", "PORT=" + port, told(target, 100), "node", with} }},
		{"a bare reverse proxy of Node", func(port string) []string { return []string{"node", "proxy.cjs", port, target} }},
	} {
		url, err := w.serveHere(one.command)
		if err != nil {
			return "", fmt.Errorf("%s: %w", one.name, err)
		}
		servers = append(servers, &server{name: one.name, url: url, pids: []int{w.servers[len(w.servers)-1].Process.Pid}})
	}
	for round := range loadRounds + 2 {
		for _, s := range servers {
			if err := s.turn(); err != nil {
				return "", err
			}
			if round < 2 { // until their code is compiled
				s.rates, s.p99, s.processor = nil, nil, nil
			}
		}
	}
	ours, peer := servers[0], servers[1]
	return fmt.Sprintf("| requests that the forwarder passes on, in a second | %.0f | %.0f | %.2f | %s |\n", median(ours.rates), median(peer.rates), ratio(peer.rates, ours.rates), peer.name) +
		fmt.Sprintf("| processor time of one | %.0f µs | %.0f µs | %.2f | %s |", 1e6*median(ours.processor), 1e6*median(peer.processor), ratio(ours.processor, peer.processor), peer.name), nil
}

// forwarderStarts starts the old side of a migration, in turn with the same function without one.
func (w *workshop) forwarderStarts() (string, error) {
	with, without, err := w.migrating()
	if err != nil {
		return "", err
	}
	start := func(entry string, env ...string) (float64, error) {
		c := exec.Command("node", "load.mjs", entry)
		c.Env = append([]string{"PORT=0"}, env...)
		return w.processor(c)
	}
	var mine, peer, ratios []float64
	for range loads {
		ours, err := start(with, told("http://127.0.0.1:1/", 1))
		if err != nil {
			return "", err
		}
		theirs, err := start(without)
		if err != nil {
			return "", err
		}
		mine, peer, ratios = append(mine, ours), append(peer, theirs), append(ratios, math.Log(ours/theirs))
	}
	low, high := interval(ratios)
	return fmt.Sprintf("| the start of a function whose share stays | %.1f ms | %.1f ms | %.3f (95 %%: %.3f to %.3f) | the same function without a migration, by the processor's time, %d times each |",
		median(mine), median(peer), math.Exp(mean(ratios)), low, high, loads), nil
}
