package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ferryfn/ferry/internal/standin"
)

// encode writes a result, one of the SDK's own output types or a structure with the same members, as the service does.
func (op *operation) encode(result any, id string) standin.Reply {
	status := op.status
	if status == 0 {
		status = http.StatusOK
	}
	header := http.Header{"X-Amzn-Requestid": {id}}
	if op.service.protocol == query {
		header.Set("Content-Type", "text/xml")
		var b strings.Builder
		fmt.Fprintf(&b, "<%sResponse><%sResult>", op.name, op.name)
		writeXML(&b, reflect.ValueOf(result))
		fmt.Fprintf(&b, "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", op.name, id, op.name)
		return standin.Reply{Status: status, Header: header, Body: []byte(b.String())}
	}
	header.Set("Content-Type", "application/json")
	if result == nil {
		return standin.Reply{Status: status, Header: header}
	}
	data, _ := json.Marshal(plain(reflect.ValueOf(result), op.service.casing)) // plain has only what encodes
	return standin.Reply{Status: status, Header: header, Body: data}
}

// casing is how the members of a service begin: with a capital letter or a small one.
type casing int

const (
	upper casing = iota
	lower
)

func (as casing) wire(name string) string {
	if as == lower {
		return strings.ToLower(name[:1]) + name[1:]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// plain turns a value into what JSON has. Members that are nil or zero are left out, times are seconds.
func plain(v reflect.Value, as casing) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	if at, ok := v.Interface().(time.Time); ok {
		return float64(at.UnixMilli()) / 1000
	}
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		members(v, func(name string, value reflect.Value) {
			out[as.wire(name)] = plain(value, as)
		})
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = plain(v.MapIndex(key), as)
		}
		return out
	case reflect.Slice:
		if data, ok := v.Interface().([]byte); ok {
			return base64.StdEncoding.EncodeToString(data)
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i), as)
		}
		return out
	}
	return v.Interface()
}

// members visits what a structure holds, but for what only the SDK adds.
func members(v reflect.Value, visit func(string, reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" || v.Field(i).IsZero() {
			continue
		}
		visit(field.Name, v.Field(i))
	}
}

func writeXML(b *strings.Builder, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return
	}
	if at, ok := v.Interface().(time.Time); ok {
		b.WriteString(at.Format(time.RFC3339))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		members(v, func(name string, value reflect.Value) {
			element(b, name, func() { writeXML(b, value) })
		})
	case reflect.Slice:
		for i := range v.Len() {
			element(b, "member", func() { writeXML(b, v.Index(i)) })
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			element(b, "entry", func() {
				element(b, "key", func() { b.WriteString(escape(key.String())) })
				element(b, "value", func() { writeXML(b, v.MapIndex(key)) })
			})
		}
	default:
		b.WriteString(escape(fmt.Sprint(v.Interface())))
	}
}

func element(b *strings.Builder, name string, inner func()) {
	b.WriteString("<" + name + ">")
	inner()
	b.WriteString("</" + name + ">")
}
