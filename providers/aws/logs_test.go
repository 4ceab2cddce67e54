package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

// logs is the log group of the function api.
type logs struct {
	*testing.T
	*Adapter
	connection *connection
	group      string
}

func newLogs(t *testing.T, env environment) *logs {
	t.Helper()
	a := newTestAdapter(t, env, "{}")
	c, err := a.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &logs{T: t, Adapter: a, connection: c, group: a.logGroupName("api")}
}

func (l *logs) api(config string) manifest.Function {
	l.Helper()
	fn := manifest.Function{Name: "api"}
	if config != "" {
		fn.Config = new(manifest.Node)
		if err := fn.Config.UnmarshalJSON([]byte(config)); err != nil {
			l.Fatal(err)
		}
	}
	return fn
}

func (l *logs) ensure(config string) {
	l.Helper()
	if err := l.connection.ensureLogGroup(l.Context(), functionOf(l.api(config))); err != nil {
		l.Fatal(err)
	}
}

// make makes the group as somebody else would.
func (l *logs) make(tags map[string]string) {
	l.Helper()
	if _, err := l.connection.logs.CreateLogGroup(l.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &l.group, Tags: tags}); err != nil {
		l.Fatal(err)
	}
}

// retention is how many days the group keeps logs, 0 for ever, -1 when there is no group.
func (l *logs) retention() int32 {
	l.Helper()
	out, err := l.connection.logs.DescribeLogGroups(l.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &l.group})
	if err != nil {
		l.Fatal(err)
	}
	if len(out.LogGroups) == 0 {
		return -1
	}
	return aws.ToInt32(out.LogGroups[0].RetentionInDays)
}

// write adds an event to a testStream, which is made if need be.
func (l *logs) write(stream string, at time.Time, text string) {
	l.Helper()
	_, err := l.connection.logs.CreateLogStream(l.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &l.group, LogStreamName: &stream})
	if err != nil && !isAlreadyExists(err) {
		l.Fatal(err)
	}
	if _, err := l.connection.logs.PutLogEvents(l.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &l.group, LogStreamName: &stream,
		LogEvents: []types.InputLogEvent{{Message: &text, Timestamp: aws.Int64(at.UnixMilli())}},
	}); err != nil {
		l.Fatal(err)
	}
}

func (l *logs) tail(lines int) []string {
	l.Helper()
	got := []string{}
	if err := l.Tail(l.Context(), "api", providers.TailOptions{Lines: lines}, func(line providers.LogLine) error {
		got = append(got, line.Text)
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	return got
}

const testStream = "2026/11/23/[12]0a1b2c"

func TestALogGroupKeepsLogsForThirtyDaysOrAsAsked(t *testing.T) {
	everywhere(t, func(t *testing.T, env environment) {
		l := newLogs(t, env)
		l.ensure("")
		if got := l.retention(); got != 30 {
			t.Errorf("logs are kept for %d days", got)
		}
		l.ensure(`{"log_retention": 7, "tags": {"team": "shop"}}`)
		if got := l.retention(); got != 7 {
			t.Errorf("logs are kept for %d days", got)
		}
		tags, err := l.connection.logGroupTags(t.Context(), "api")
		if err != nil || !l.owns(tags, "api") || tags["team"] != "shop" {
			t.Errorf("the tags are %v, %v", tags, err)
		}
		for range 2 {
			if err := l.connection.removeLogGroup(t.Context(), "api"); err != nil {
				t.Error(err)
			}
		}
		if got := l.retention(); got != -1 {
			t.Error("the group is left")
		}
	})
}

func TestALogGroupThatFerryDidNotMakeStaysAsItIsWithItsLogs(t *testing.T) {
	for who, tags := range map[string]map[string]string{"Lambda": nil, "somebody else": {"owner": "terraform"}} {
		t.Run(who, func(t *testing.T) {
			everywhere(t, func(t *testing.T, env environment) {
				l := newLogs(t, env)
				l.make(tags)
				l.ensure("")
				if err := l.connection.removeLogGroup(t.Context(), "api"); err != nil || l.retention() != 0 {
					t.Errorf("the group keeps logs for %d days, %v", l.retention(), err)
				}
				err := l.connection.ensureLogGroup(t.Context(), functionOf(l.api(`{"log_retention": 7}`)))
				if !errors.Is(err, providers.Foreign) {
					t.Errorf("a retention that is not set is no error: %v", err)
				}
				if has, err := l.connection.logGroupTags(t.Context(), "api"); err != nil || len(has) != len(tags) {
					t.Errorf("its tags are %v, %v", has, err)
				}
			})
		})
	}
}

func TestTheLastLinesComeOldestFirstHoweverOldTheyAre(t *testing.T) {
	l := newLogs(t, motoEnv(t))
	if got := l.tail(3); len(got) > 0 {
		t.Fatalf("a group that is not there has %q", got)
	}
	l.make(nil)
	now := time.Now()
	for i, age := range []time.Duration{9 * 24 * time.Hour, 5 * time.Hour, 20 * time.Minute, 5 * time.Minute, 2 * time.Second, time.Second} {
		l.write(fmt.Sprintf("2026/11/23/[%d]0a1b", i%2+1), now.Add(-age), fmt.Sprintf("line %d", i+1))
	}
	all := []string{"line 1", "line 2", "line 3", "line 4", "line 5", "line 6"}
	for _, lines := range []int{0, 1, 2, 3, 4, 5, 6, 7} {
		want := all[max(len(all)-lines, 0):]
		if lines == 0 {
			want = all
		}
		if diff := cmp.Diff(want, l.tail(lines)); diff != "" {
			t.Errorf("%d lines:\n%s", lines, diff)
		}
	}
}

func TestNoLineIsOlderThanWasAskedFor(t *testing.T) {
	l := newLogs(t, motoEnv(t))
	l.make(nil)
	now := time.Now()
	for i, age := range []time.Duration{5 * time.Hour, 20 * time.Minute, 2 * time.Second} {
		l.write(testStream, now.Add(-age), fmt.Sprintf("line %d", i+1))
	}
	for lines, want := range map[int][]string{0: {"line 2", "line 3"}, 1: {"line 3"}, 5: {"line 2", "line 3"}} {
		var got []string
		past := 0
		o := providers.TailOptions{Lines: lines, Since: now.Add(-time.Hour), Past: func() { past++ }}
		err := l.Tail(t.Context(), "api", o, func(line providers.LogLine) error {
			got = append(got, line.Text)
			return nil
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil || past != 1 {
			t.Errorf("%d lines: %v, the past ended %d times\n%s", lines, err, past, diff)
		}
	}
}

func TestALineSaysWhichInstanceOfWhichRevisionWroteIt(t *testing.T) {
	l := newLogs(t, motoEnv(t))
	l.make(nil)
	at := time.Now().UTC().Truncate(time.Millisecond)
	for _, text := range []string{"START RequestId: 1-2 Version: 12\n", "one\ntwo\n", `{"time":"2026-11-23T00:00:00Z","type":"platform.report"}`} {
		l.write(testStream, at, text)
	}
	var got []providers.LogLine
	if err := l.Tail(t.Context(), "api", providers.TailOptions{}, func(line providers.LogLine) error {
		got = append(got, line)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	line := func(testStream, text string) providers.LogLine {
		return providers.LogLine{Time: at, Function: "api", Revision: "12", Instance: "0a1b2c", Stream: testStream, Text: text}
	}
	want := []providers.LogLine{
		line("platform", "START RequestId: 1-2 Version: 12"), line("stdout", "one"), line("stdout", "two"),
		line("platform", `{"time":"2026-11-23T00:00:00Z","type":"platform.report"}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheNameOfAStreamIsRead(t *testing.T) {
	for name, want := range map[string][2]string{
		"2026/11/23/[12]0a1b":                    {"12", "0a1b"},
		"2026/11/23/[$LATEST]0a1b":               {"$LATEST", "0a1b"},
		"2026/11/23/shop-dev-api[3]0a1b":         {"3", "0a1b"},
		"2026/11/23/shop-dev-api[3][tenant]0a1b": {"3", "0a1b"},
		"by-hand":                                {"", "by-hand"},
	} {
		if revision, instance := instanceOf(name); revision != want[0] || instance != want[1] {
			t.Errorf("%s is %q of %q", name, instance, revision)
		}
	}
}

func TestFollowingLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	l := newLogs(t, motoEnv(t))
	l.make(nil)
	start := time.Now()
	l.write(testStream, start.Add(-30*time.Second), "old")
	l.write(testStream, start, "last")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	enough := errors.New("enough")
	err := l.Tail(ctx, "api", providers.TailOptions{Lines: 1, Follow: true}, func(line providers.LogLine) error {
		got = append(got, line.Text)
		switch line.Text {
		case "last":
			l.write(testStream, time.Now(), "new")
		case "new": // it arrives after one that is younger
			l.write("2026/11/23/[12]ffff", start.Add(-time.Second), "late")
		case "late":
			l.write(testStream, time.Now(), "end")
		case "end":
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if want := []string{"last", "new", "late", "end"}; !slices.Equal(got, want) {
		t.Errorf("following shows %q, want %q", got, want)
	}
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	l := newLogs(t, motoEnv(t))
	l.make(nil)
	l.write(testStream, time.Now(), "one")
	ctx, cancel := context.WithCancel(t.Context())
	err := l.Tail(ctx, "api", providers.TailOptions{Lines: 1, Follow: true}, func(providers.LogLine) error {
		cancel()
		return nil
	})
	if err != nil {
		t.Errorf("it ended with %v", err)
	}
}
