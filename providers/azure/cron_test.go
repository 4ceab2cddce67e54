package azure

import "testing"

func TestTimesAreWrittenAsNCrontabReadsThem(t *testing.T) {
	for given, want := range map[string]string{
		"0 3 * * *":        "0 0 3 * * *",
		"*/5 * * * *":      "0 */5 * * * *",
		"0 0 * * 7":        "0 0 0 * * 0",
		"0 0 * * 5-7":      "0 0 0 * * 0,5,6",
		"0 9 * * MON-FRI":  "0 0 9 * * MON-FRI",
		"5/20 * * * *":     "0 5,25,45 * * * *",
		"10-40/15 8 1 1 *": "0 10-40/15 8 1 1 *",
		"0 0 1 * 1":        "",
		"0 0 */2 * 1-5":    "",
		"@daily":           "",
		"0 0 31 * */1":     "0 0 0 31 * */1",
	} {
		got, err := ncron(given)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q became %q, %v; want %q", given, got, err, want)
		}
	}
}
