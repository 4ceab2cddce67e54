package gcptest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check refuses a value that a schema does not allow, as Google's parser of requests does. The message names the place by
// the names of the protocol buffers: service.template.max_instance_request_concurrency.
func (d *document) check(value any, s *schema, at string) *failure {
	s = d.resolve(s)
	if s == nil || value == nil {
		return nil
	}
	switch s.Type {
	case "object":
		return d.checkObject(value, s, at)
	case "array":
		list, ok := value.([]any)
		if !ok {
			list = []any{value} // Google takes one value for a list of one
		}
		for i, item := range list {
			if fail := d.check(item, s.Items, fmt.Sprintf("%s[%d]", at, i)); fail != nil {
				return fail
			}
		}
		return nil
	case "any":
		return nil
	}
	if !s.allows(value) {
		text, _ := json.Marshal(value) // it came as JSON
		return badField(at, fmt.Sprintf("Invalid value at '%s' (%s), %s", at, s.typeName(), text))
	}
	return nil
}

func (d *document) checkObject(value any, s *schema, at string) *failure {
	fields, ok := value.(map[string]any)
	if !ok {
		text, _ := json.Marshal(value) // it came as JSON
		return badField(at, fmt.Sprintf("Invalid value at '%s' (oneof), oneof field '%s' is already set or has a wrong type. %s", at, at, text))
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		field := s.Properties[name]
		if field == nil {
			field = s.AdditionalProperties
		}
		if field == nil {
			message := fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot find field.", name)
			if at != "" {
				message = fmt.Sprintf("Invalid JSON payload received. Unknown name %q at '%s': Cannot find field.", name, at)
			}
			return badField(at, message)
		}
		if fail := d.check(fields[name], field, join(at, snake(name))); fail != nil {
			return fail
		}
	}
	return nil
}

// allows says whether a scalar is of the schema's type, in one of the forms in which JSON may write it.
func (s *schema) allows(value any) bool {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	switch {
	case s.Type == "boolean":
		_, ok := value.(bool)
		return ok
	case s.Type == "number":
		return isNumber
	case s.Type == "integer" || s.Format == "int64" || s.Format == "uint64":
		if isText {
			_, err := strconv.ParseInt(text, 10, 64)
			return err == nil
		}
		return isNumber && number == math.Trunc(number) && (s.Format != "int32" || math.Abs(number) <= math.MaxInt32)
	case !isText:
		return false
	case len(s.Enum) > 0:
		return slices.Contains(s.Enum, text)
	case s.Format == "google-duration":
		return isDuration(text)
	case s.Format == "google-datetime" || s.Format == "date-time":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case s.Format == "byte":
		return isBase64(text)
	}
	return true
}

// isDuration knows the form of durations in JSON: seconds, with up to nine decimals.
func isDuration(text string) bool {
	seconds, ok := strings.CutSuffix(text, "s")
	_, decimals, _ := strings.Cut(seconds, ".")
	_, err := strconv.ParseFloat(seconds, 64)
	return ok && err == nil && len(decimals) <= 9
}

func isBase64(text string) bool {
	text = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text)
	_, err := base64.RawStdEncoding.DecodeString(text)
	return err == nil
}

func (s *schema) typeName() string {
	switch {
	case s.Format == "google-duration":
		return "type.googleapis.com/google.protobuf.Duration"
	case s.Format == "google-datetime":
		return "type.googleapis.com/google.protobuf.Timestamp"
	case len(s.Enum) > 0:
		return "enum"
	case s.Type == "boolean":
		return "TYPE_BOOL"
	case s.Type == "integer":
		return "TYPE_INT32"
	case s.Format != "":
		return "TYPE_" + strings.ToUpper(s.Format)
	}
	return "TYPE_STRING"
}

// checkQuery refuses parameters that a method does not have.
func (m *method) checkQuery(query url.Values) *failure {
	for name, values := range query {
		p := m.Parameters[name]
		if p == nil || p.Location != "query" {
			p = m.document.Parameters[name]
		}
		if p == nil && name != "$alt" && name != "uploadType" && name != "upload_id" {
			return badField("", fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot bind query parameter. "+
				"Field '%s' could not be found in request message.", name, name))
		}
		if p == nil {
			continue
		}
		if len(values) > 1 && !p.Repeated {
			return badField(snake(name), fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Proto field is not repeating, cannot start list.", name))
		}
		if fail := m.checkParameter(name, values, p); fail != nil {
			return fail
		}
	}
	for name, p := range m.Parameters {
		if p.Required && p.Location == "query" && !query.Has(name) {
			return badField(snake(name), "Required parameter: "+name)
		}
	}
	return nil
}

func (m *method) checkParameter(name string, values []string, p *schema) *failure {
	for _, text := range values {
		var value any = text
		if p.Type == "boolean" {
			if b, err := strconv.ParseBool(text); err == nil {
				value = b
			}
		}
		if p.Format == "google-fieldmask" {
			if fail := m.checkMask(name, text); fail != nil {
				return fail
			}
			continue
		}
		if !p.allows(value) {
			return badField(snake(name), fmt.Sprintf("Invalid value at '%s' (%s), %q", snake(name), p.typeName(), text))
		}
	}
	return nil
}

// checkMask refuses a path that leads to no field of the request.
func (m *method) checkMask(name, mask string) *failure {
	if m.Request == nil {
		return nil
	}
	for path := range strings.SplitSeq(mask, ",") {
		if path == "*" {
			continue
		}
		s := m.document.Schemas[m.Request.Ref]
		for part := range strings.SplitSeq(path, ".") {
			next := s.Properties[camel(part)]
			if next == nil {
				next = s.AdditionalProperties
			}
			if s = m.document.resolve(next); s == nil {
				f := badField(snake(name), fmt.Sprintf("The update_mask contains the path '%s', which is no field of the resource.", path))
				f.message = fmt.Sprintf("Invalid field mask: no field '%s'", path)
				return f
			}
		}
	}
	return nil
}

// body is the name of the field that a request's body is: that of the resource. A body that is the whole request has none.
func (m *method) bodyName() string {
	parts := strings.Split(m.ID, ".")
	verb := parts[len(parts)-1]
	if verb != "create" && verb != "patch" && verb != "update" && verb != "insert" {
		return ""
	}
	return snake(strings.TrimSuffix(parts[len(parts)-2], "s"))
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// snake is a name of JSON as its protocol buffer has it.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel is a name of a protocol buffer as JSON has it. One of JSON stays as it is.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts[1:] {
		if part != "" {
			parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "")
}
