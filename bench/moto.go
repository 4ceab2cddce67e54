package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
)

// moto is a server that stands in for AWS. It is one Python process, which does one thing at a time.
type moto struct {
	url     string
	process *exec.Cmd
}

// motoScript is moto, which ends with its stdin: also when this process is killed.
const motoScript = `
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
`

func startMoto() (*moto, error) {
	if exec.Command("python3", "-c", "import moto.server").Run() != nil {
		return nil, missingTool("moto[server] for python3")
	}
	c := exec.Command("python3", "-c", motoScript)
	stderr, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if _, err := c.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	m := &moto{process: c}
	lines := bufio.NewScanner(stderr)
	for m.url == "" && lines.Scan() {
		m.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text())
	}
	if m.url == "" {
		m.stop()
		return nil, errors.New("moto ended without saying where it listens")
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // it logs every request
	res, err := http.Post(m.url+"/moto-api/config", "application/json", strings.NewReader(`{"lambda":{"use_docker":false}}`))
	if err != nil {
		m.stop()
		return nil, err
	}
	return m, res.Body.Close()
}

func (m *moto) stop() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
}
