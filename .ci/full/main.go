// Command full tries every case of the enumerations of which other runs try a sample, and prints what came of it by room: in
// the packages that it is given, else in all that have a sample.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/.ci/report"
	"github.com/ferryfn/ferry/internal/sample"
)

const samples = "github.com/ferryfn/ferry/internal/sample"

func main() {
	if err := run(os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(packages ...string) error {
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	rooms, err := enumerating(packages)
	if err != nil {
		return err
	}
	fmt.Printf("every case of %s\n", strings.Join(rooms, ", "))
	tests := exec.Command("go", append([]string{"test", "-count=1", "-timeout=12h", "-json"}, rooms...)...)
	tests.Env = append(os.Environ(), sample.Variable+"="+sample.All)
	tests.Stderr = os.Stderr
	out, err := tests.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tests.Start(); err != nil {
		return err
	}
	r := report.Read(out, os.Stdout)
	failed := tests.Wait()
	var rows []string
	for _, room := range append(r.Rooms, new(r.Sum())) {
		rows = append(rows, fmt.Sprintf("%s\t%d of %d\t%d\t%d\t%.0f", room.Name, room.Tried, room.Cases, room.Failed, room.Skipped, room.Seconds))
	}
	report.Table(os.Stdout, "room\tcases tried\tfailures\tskipped\tseconds", rows)
	if all := r.Sum(); all.Tried < all.Cases {
		return errors.Join(failed, fmt.Errorf("only %d of %d cases were tried", all.Tried, all.Cases))
	}
	return failed
}

// enumerating are those of the packages whose tests choose samples.
func enumerating(packages []string) ([]string, error) {
	list := exec.Command("go", append([]string{"list", "-test", "-f", `{{.ImportPath}} {{join .Deps " "}}`}, packages...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	var rooms []string
	for line := range strings.Lines(string(out)) {
		parts := strings.Fields(line)
		if room, isTest := strings.CutSuffix(parts[0], ".test"); isTest && slices.Contains(parts, samples) {
			rooms = append(rooms, room)
		}
	}
	return rooms, err
}
