package gcptest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The form of labels (https://cloud.google.com/resource-manager/docs/labels-overview#requirements).
var (
	labelKey   = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValue = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

const maxLabels = 64

func checkLabels(labels map[string]string, field string) *failure {
	if len(labels) > maxLabels {
		return badField(field, fmt.Sprintf("Too many labels: %d. At most %d are allowed.", len(labels), maxLabels))
	}
	for key, value := range labels {
		switch {
		case !labelKey.MatchString(key):
			return badField(field, fmt.Sprintf("Label keys must start with a lowercase letter and may only contain lowercase letters, numeric characters, "+
				"underscores and dashes, and have at most 63 characters. Invalid key: %q.", key))
		case !utf8.ValidString(value) || !labelValue.MatchString(value):
			return badField(field, fmt.Sprintf("Label values may only contain lowercase letters, numeric characters, underscores and dashes, "+
				"and have at most 63 characters. Invalid value of %q: %q.", key, value))
		}
	}
	return nil
}

// checkLocation refuses a place of another project, and a region that there is not.
func (s *Server) checkLocation(parent string) *failure {
	parts := strings.Split(parent, "/")
	if len(parts) < 4 || parts[1] != Project && parts[1] != Number {
		return refuse(codePermissionDenied, "Permission denied on resource project %s.", parts[min(1, len(parts)-1)])
	}
	if region := parts[3]; !slices.Contains(regions(), region) {
		return refuse(codePermissionDenied, "Permission denied on 'locations/%s' (or it may not exist).", region)
	}
	return nil
}

// regions are some of https://cloud.google.com/run/docs/locations.
func regions() []string { return []string{Region, "us-central1", "europe-west3"} }

// typed is a value as it stands in an Any.
func typed(name string, value any) map[string]any {
	fields := map[string]any{}
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err != nil {
		panic(err) // types of Google's clients encode to objects
	}
	fields["@type"] = "type.googleapis.com/" + name
	return fields
}
