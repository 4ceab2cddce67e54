package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. It is written "256MB" or "1GB"; a unit is required and 1MB is 1024*1024,
// as all clouds count function memory. Its text and JSON form uses the largest unit that divides it.
type Size int64

// The units of a Size.
const (
	Byte Size = 1
	KB        = 1 << 10 * Byte
	MB        = 1 << 20 * Byte
	GB        = 1 << 30 * Byte
)

// maxSize keeps sums of sizes far from overflow.
const maxSize = 1 << 20 * GB

// MB is the size in whole megabytes (1024*1024), rounded down.
func (s Size) MB() int { return int(s >> 20) }

func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return "0B"
}

// MarshalText writes the size with its unit.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var sizeForm = regexp.MustCompile(`^(\d+)\s*([A-Za-z]*)$`)

// UnmarshalText reads a whole number with one of the units B, KB, MB and GB.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizeForm.FindStringSubmatch(string(text))
	if m == nil {
		return errors.New("is not a size: write a whole number with a unit, such as 256MB or 1GB")
	}
	if m[2] == "" {
		return fmt.Errorf("has no unit: write %sMB", m[1])
	}
	for _, u := range sizeUnits() {
		if m[2] != u.name {
			continue
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > int64(maxSize/u.size) {
			return errors.New("is too large: write at most 1048576GB")
		}
		if string(text) != m[1]+m[2] {
			return fmt.Errorf("has a space before its unit: write %s", m[1]+m[2])
		}
		*s = Size(n) * u.size
		return nil
	}
	if u := strings.ToUpper(m[2][:1]); slices.Contains([]string{"B", "K", "M", "G"}, u) {
		return fmt.Errorf("has the unit %s, which is not known: write %s", m[2], m[1]+strings.TrimSuffix(u, "B")+"B")
	}
	return fmt.Errorf("has the unit %s, which is not known: use KB, MB or GB", m[2])
}

type sizeUnit struct {
	name string
	size Size
}

// sizeUnits are the units, largest first.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GB", GB}, {"MB", MB}, {"KB", KB}, {"B", Byte}}
}

// Duration is a time span. It is written "30s", "5m" or "1h"; a unit is required and milliseconds are the
// finest. Its text and JSON form uses the largest unit that divides it.
type Duration time.Duration

// Std is the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t == 0:
		return "0s"
	case t%time.Hour == 0:
		return fmt.Sprintf("%dh", t/time.Hour)
	case t%time.Minute == 0:
		return fmt.Sprintf("%dm", t/time.Minute)
	case t%time.Second == 0:
		return fmt.Sprintf("%ds", t/time.Second)
	}
	return fmt.Sprintf("%dms", t/time.Millisecond)
}

// MarshalText writes the duration with its unit.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads, but nothing negative and nothing finer than 1ms.
func (d *Duration) UnmarshalText(text []byte) error {
	if _, err := strconv.ParseFloat(string(text), 64); err == nil {
		return fmt.Errorf("has no unit: write %ss", text)
	}
	t, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return errors.New("is not a duration: write a number with a unit, such as 30s, 5m or 1h")
	case t < 0:
		return errors.New("must not be negative: write a time such as 30s")
	case t%time.Millisecond != 0:
		return errors.New("is finer than 1ms: write whole milliseconds, such as 250ms")
	}
	*d = Duration(t)
	return nil
}
