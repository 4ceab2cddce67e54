package azuretest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// unzip unpacks a package as the host does: with the modes of its files, and nothing outside of the folder.
func unzip(data []byte, dir string) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(f.Name) || strings.Contains(f.Name, `\`) {
			return fmt.Errorf("%s leads out of the package", f.Name)
		}
		if err := unzipFile(f, filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return err
		}
	}
	return nil
}

func unzipFile(f *zip.File, path string) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, f.Mode().Perm()|0o400)
}
