package azure

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/netresearch/go-cron"
)

// ncron translates the standard five fields to the six of NCrontab, which begin with seconds: the same times, or an error.
// NCrontab has no seventh day of the week, steps only from ranges, and where both day fields restrict it wants both to hold.
func ncron(expression string) (string, error) {
	parsed, err := cron.ParseStandard(expression)
	if err != nil {
		return "", fmt.Errorf("reading the cron expression: %w", err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	fields := strings.Fields(expression)
	if !ok || len(fields) != 5 || len(spec.DomConstraints)+len(spec.DowConstraints) > 0 {
		return "", errors.New("it is not of the standard five fields")
	}
	if !isEvery(fields[2]) && !isEvery(fields[4]) {
		return "", errors.New("it restricts both the day of the month and the day of the week, which has to hold at once there")
	}
	for i, part := range []struct {
		bits      uint64
		low, high int
	}{{spec.Minute, 0, 59}, {spec.Hour, 0, 23}, {spec.Dom, 1, 31}, {spec.Month, 1, 12}, {spec.Dow, 0, 6}} {
		if alike(fields[i]) && (i < 4 || !strings.Contains(fields[i], "7")) {
			continue
		}
		fields[i] = listed(part.bits, part.low, part.high)
	}
	return "0 " + strings.Join(fields, " "), nil
}

// isEvery reports whether a field restricts nothing.
func isEvery(field string) bool { return field == "*" || field == "*/1" }

// alike reports whether both dialects read a field in the same way: steps are of ranges or of all.
func alike(field string) bool {
	for item := range strings.SplitSeq(field, ",") {
		from, _, steps := strings.Cut(item, "/")
		if steps && from != "*" && !strings.Contains(from, "-") {
			return false
		}
	}
	return true
}

// listed names the values of a field one by one.
func listed(bits uint64, low, high int) string {
	var values []string
	for v := low; v <= high; v++ {
		if bits&(1<<v) != 0 {
			values = append(values, strconv.Itoa(v))
		}
	}
	return strings.Join(values, ",")
}
