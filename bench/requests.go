package main

import (
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed platform
var platformFiles embed.FS

// What the load is: so many connections for so long, each server in turn, so many times.
const (
	loadConnections = 16
	loadTurn        = time.Second
	loadRounds      = 8
)

// server is one that is loaded.
type server struct {
	name, url string
	pids      []int
	rates     []float64 // requests a second, of each round
	p99       []float64 // seconds
	processor []float64 // seconds a request
}

// turn loads the server once.
func (s *server) turn() error {
	before := s.spent()
	did, err := load(s.url, loadConnections, loadTurn)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.rates = append(s.rates, did.rate)
	s.p99 = append(s.p99, did.p99.Seconds())
	s.processor = append(s.processor, (s.spent()-before).Seconds()/(did.rate*loadTurn.Seconds()))
	return nil
}

// spent is the processor time of all its processes.
func (s *server) spent() (sum time.Duration) {
	for _, pid := range s.pids {
		sum += spent(pid)
	}
	return sum
}

// requests are how many requests servers answer in a second, with the same answer.
func (w *workshop) requests() (string, error) {
	servers, err := w.loaded()
	if err != nil {
		return "", err
	}
	for _, s := range servers { // until their code is compiled
		if _, err := load(s.url, loadConnections, loadTurn); err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for range loadRounds {
		for _, s := range servers {
			if err := s.turn(); err != nil {
				return "", err
			}
		}
	}
	var lines []string
	for _, ours := range servers[:2] {
		for _, peer := range servers[2:] {
			lines = append(lines, fmt.Sprintf("| requests a second, %s | %.0f | %.0f | %.2f | %s |", ours.name, median(ours.rates), median(peer.rates), ratio(peer.rates, ours.rates), peer.name),
				fmt.Sprintf("| processor time of a request, %s | %.0f µs | %.0f µs | %.2f | %s |", ours.name, 1e6*median(ours.processor), 1e6*median(peer.processor), ratio(ours.processor, peer.processor), peer.name))
			if peer.name == bare || peer.name == proxied {
				lines = append(lines, fmt.Sprintf("| 99 of 100 answers within, %s | %.1f ms | %.1f ms | %.2f | %s |", ours.name, 1000*median(ours.p99), 1000*median(peer.p99), ratio(ours.p99, peer.p99), peer.name))
			}
		}
	}
	return strings.Join(lines, "\n"), nil
}

// ratio is the median of the ratios of all rounds.
func ratio(mine, theirs []float64) float64 {
	each := make([]float64, len(mine))
	for i := range mine {
		each[i] = mine[i] / theirs[i]
	}
	return median(each)
}

// The peers whose slowest answers are compared, too: what a function is at least, and what is at least before it.
const (
	bare    = "a bare server of Node"
	proxied = "the same behind Go's own reverse proxy"
)

// loaded are ferry's two functions and their peers, all serving.
func (w *workshop) loaded() ([]*server, error) {
	if err := w.platformFolder(); err != nil {
		return nil, err
	}
	if err := w.command(w.dir, w.ferry, "deploy")(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	servers := make([]*server, 0, 6)
	platform, err := w.platformProcess()
	if err != nil {
		return nil, err
	}
	for _, function := range []string{"fetch", "listener"} {
		url, err := w.deployed(function)
		if err != nil {
			return nil, err
		}
		servers = append(servers, &server{name: map[string]string{"fetch": "fetch", "listener": "(req, res)"}[function], url: url, pids: []int{platform}})
	}
	for _, peer := range []struct {
		name    string
		command func(port string) []string
	}{
		{bare, func(port string) []string { return []string{"node", "bare.cjs", port} }},
		{proxied, func(port string) []string { return []string{self, "-reverse", servers[2].url, "-listen", port} }},
		{"functions-framework", func(port string) []string { return []string{"node", "ff.cjs", port} }},
		{"serverless-offline", func(port string) []string {
			return []string{filepath.Join("node_modules", ".bin", "osls"), "offline", "--host", "127.0.0.1", "--httpPort", port, "--lambdaPort", "0"}
		}},
	} {
		url, err := w.serveHere(peer.command)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", peer.name, err)
		}
		pids := []int{w.servers[len(w.servers)-1].Process.Pid}
		if peer.name == proxied {
			pids = append(pids, servers[2].pids...)
		}
		servers = append(servers, &server{name: peer.name, url: url, pids: pids})
	}
	return servers, nil
}

// platformFolder fills the case's folder with functions and peers.
func (w *workshop) platformFolder() error {
	if err := needs("node", "npm", "wrk"); err != nil {
		return err
	}
	if err := w.fresh(); err != nil {
		return err
	}
	scripts, err := platformFiles.ReadDir("platform")
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, script := range scripts {
		text, err := platformFiles.ReadFile("platform/" + script.Name())
		if err != nil {
			return err
		}
		files[script.Name()] = string(text)
	}
	modules := filepath.Join(w.dir, "node_modules")
	if w.modules != "" {
		return errors.Join(w.write(files), os.Symlink(w.modules, modules))
	}
	install := w.command(w.dir, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	w.modules = modules
	return all(func() error { return w.write(files) }, install)()
}

// serveHere starts a peer in the case's folder and waits until it answers.
func (w *workshop) serveHere(command func(port string) []string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	args := command(port)
	c := exec.Command(args[0], args[1:]...)
	c.Dir, c.Env = w.dir, append(os.Environ(), "NODE_ENV=production")
	if err := c.Start(); err != nil {
		return "", err
	}
	w.servers = append(w.servers, c)
	return "http://" + address + "/", answers("http://" + address + "/")
}

// answers waits until there is an answer.
func answers(url string) error {
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for get(url)() != nil {
		select {
		case <-deadline:
			return errors.New("it does not answer")
		case <-tick.C:
		}
	}
	return nil
}

// answered is what a server did under load.
type answered struct {
	rate        float64 // requests a second
	median, p99 time.Duration
}

// load has wrk call a server over connections of its own for a while, without a pause. It does so from one thread: who asks
// leaves the other processors to those who answer.
func load(address string, connections int, turn time.Duration) (a answered, err error) {
	out, err := exec.Command("wrk", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%.0fs", turn.Seconds()), "--latency", address).CombinedOutput()
	if err != nil {
		return a, fmt.Errorf("wrk: %w: %s", err, out)
	}
	text := string(out)
	if strings.Contains(text, "Non-2xx") || strings.Contains(text, "Socket errors") {
		return a, fmt.Errorf("not everything was answered: %s", out)
	}
	said := func(what string) string {
		_, after, _ := strings.Cut(text, what)
		first, _, _ := strings.Cut(after, "\n")
		return strings.TrimSpace(first)
	}
	for what, to := range map[string]*time.Duration{" 50%": &a.median, " 99%": &a.p99} {
		if *to, err = time.ParseDuration(said(what)); err != nil {
			return a, err
		}
	}
	a.rate, err = strconv.ParseFloat(said("Requests/sec:"), 64)
	return a, err
}
