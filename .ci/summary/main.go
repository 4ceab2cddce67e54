// Command summary reads the output of go test -json: it prints what failed and what the minutes are made of, by room and
// beside the room's budget, and fails when a test failed or was skipped, because everything that tests need is installed
// where it runs. A room over its budget is marked and no failure: seconds are this machine's, and what it downloads.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/ferryfn/ferry/.ci/report"
)

func main() {
	if err := summarize(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func summarize(results, budgets string) error {
	file, err := os.Open(results)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := os.ReadFile(budgets)
	if err != nil {
		return err
	}
	r := report.Read(file, os.Stdout)
	report.Table(os.Stdout, "room\tseconds\tbudget\tcases tried\t", rows(r, budgetsOf(string(text))))
	all := r.Sum()
	fmt.Printf("%d passed, %d failed, %d skipped\n", all.Passed, all.Failed, all.Skipped)
	if all.Failed+all.Skipped > 0 {
		return fmt.Errorf("a test failed or was skipped")
	}
	return nil
}

// budgetsOf are the seconds of each room.
func budgetsOf(text string) map[string]float64 {
	budgets := map[string]float64{}
	for line := range strings.Lines(text) {
		var room string
		var seconds float64
		if n, _ := fmt.Sscan(line, &room, &seconds); n == 2 {
			budgets[room] = seconds
		}
	}
	return budgets
}

// rows has a row for each room that has a budget of its own or is over that of the others.
func rows(r report.Report, budgets map[string]float64) []string {
	var list []string
	others, seconds := 0, 0.0
	for _, room := range r.Rooms {
		budget, own := budgets[room.Name]
		if !own {
			if budget = budgets["others"]; room.Seconds <= budget {
				others++
				seconds += room.Seconds
				continue
			}
		}
		if line := row(*room, budget); own {
			list = append(list, line)
		} else {
			list = append(list, line+", which is that of the others: it has none of its own")
		}
	}
	list = append(list, fmt.Sprintf("%d others\t%.0f\t%.0f each\t\t", others, seconds, budgets["others"]))
	return append(list, row(r.Sum(), budgets["all"]))
}

func row(room report.Room, budget float64) string {
	tried, mark := "", ""
	if room.Cases > 0 {
		tried = fmt.Sprintf("%d of %d", room.Tried, room.Cases)
	}
	if room.Seconds > budget {
		mark = "over its budget"
	}
	return fmt.Sprintf("%s\t%.0f\t%.0f\t%s\t%s", room.Name, room.Seconds, budget, tried, mark)
}
