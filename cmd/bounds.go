package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bounded refuses the value of a flag that is not from least to most, and what is no number.
func bounded[N int | float64 | time.Duration](flag string, value, least, most N) error {
	if value >= least && value <= most {
		return nil
	}
	return usagef(fmt.Sprintf("write %s to %s", written(least), written(most)), "--%s is %s", flag, written(value))
}

// written is a number as one writes it.
func written(value any) string {
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Duration:
		text := v.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	}
	return fmt.Sprint(value)
}

// targets are those that --target names, with commas between, each once; otherwise is where it names none.
func (a *app) targets(otherwise []string) []string {
	if names := listOf(strings.Split(a.global.target, ",")); len(names) > 0 {
		return names
	}
	return otherwise
}

// listOf are the names of a list in which some may be missing, each once.
func listOf(list []string) []string {
	var names []string
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
