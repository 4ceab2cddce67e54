// Command summary reads the output of go test -json: it prints what failed, and fails when a test was
// skipped, because everything that tests need is installed where it runs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type event struct {
	Action, Package, Test, Output string
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	output := map[string]string{}
	counts := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		key := e.Package + " " + e.Test
		output[key] += e.Output
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" && e.Test != "" {
			counts[e.Action]++
			if e.Action != "pass" {
				fmt.Printf("%s: %s\n%s", e.Action, key, output[key])
			}
			delete(output, key)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	if counts["fail"]+counts["skip"] > 0 {
		os.Exit(1)
	}
}
