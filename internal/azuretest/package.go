package azuretest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// functionFiles reads the function.json of each folder of a package.
func functionFiles(dir string) ([]functionInfo, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "function.json"))
	if err != nil {
		return nil, err
	}
	var all []functionInfo
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f := functionInfo{Name: filepath.Base(filepath.Dir(file)), Language: "custom"}
		if err := json.Unmarshal(data, &f); err != nil {
			return nil, fmt.Errorf("%s/function.json: %w", f.Name, err)
		}
		f.Name = filepath.Base(filepath.Dir(file))
		all = append(all, f)
	}
	return all, nil
}

// claimPort finds a port that nobody listens on, of a range that systems take no ports of outgoing connections from. It is claimed by
// its twin, that of UDP, so that two who look at once do not meet.
func claimPort() (int, io.Closer, error) {
	const first, count = 61100, 4000
	for range 200 {
		port := first + rand.IntN(count)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		claim, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err == nil && l.Close() == nil {
			return port, claim, nil
		}
		_ = claim.Close()
	}
	return 0, nil, errors.New("no port is free for a worker")
}
