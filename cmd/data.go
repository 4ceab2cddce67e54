package cmd

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// dataFlag is the flag --data, which hands a command bytes, a file or what it reads.
type dataFlag struct {
	text  string
	given bool
}

func (d *dataFlag) add(f *pflag.FlagSet, usage string) { f.VarP(d, "data", "d", usage) }

// Set implements pflag.Value.
func (d *dataFlag) Set(text string) error {
	d.text, d.given = text, true
	return nil
}

// String implements pflag.Value.
func (d *dataFlag) String() string { return d.text }

// Type implements pflag.Value.
func (d *dataFlag) Type() string { return "string" }

// read is the data itself, or what it points to.
func (d *dataFlag) read(a *app) ([]byte, error) {
	file, isFile := strings.CutPrefix(d.text, "@")
	switch {
	case !d.given:
		return nil, nil
	case d.text == "-" || d.text == "@-":
		data, err := io.ReadAll(a.Streams.In)
		if err != nil {
			return nil, fmt.Errorf("reading the data from stdin: %w", err)
		}
		return data, nil
	case isFile:
		data, err := os.ReadFile(a.path(file))
		if err != nil {
			return nil, usagef("check the name after @", "reading the data: %s", err)
		}
		return data, nil
	}
	return []byte(d.text), nil
}

// readable is bytes as the text of a result, and how they are encoded.
func readable(data []byte) (text, encoding string) {
	if utf8.Valid(data) {
		return string(data), "utf-8"
	}
	return base64.StdEncoding.EncodeToString(data), "base64"
}
